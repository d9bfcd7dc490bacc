"""Times are the same moment in every database, whatever USE_TZ and TIME_ZONE say."""

from datetime import UTC, datetime

import pytest
from django.db import connections
from django.test import override_settings

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.db.fields import to_local
from django_convoy.db.models import LiveJob
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain import ids
from django_convoy.domain.envelope import Envelope
from tests.databases import on_each_database

# Half past one comes twice in New York that night.
MOMENTS = [datetime(2026, 11, 1, hour, 30, 0, 123456, UTC) for hour in (5, 6)]


@pytest.fixture(
    params=[(True, "UTC"), (True, "Asia/Kathmandu"), (False, "America/New_York"), (False, "UTC")],
    ids=lambda param: f"{'aware' if param[0] else 'naive'}-{param[1]}",
)
def zone(request, alias):
    connections[alias].close()
    use_tz, name = request.param
    with override_settings(USE_TZ=use_tz, TIME_ZONE=name):
        yield
    connections[alias].close()


@pytest.mark.parametrize("kind", [Session, PrivateSession])
@on_each_database
def test_a_broker_returns_the_moments_that_it_was_given(alias, zone, kind):
    broker = DatabaseBroker(kind(alias))
    for at in MOMENTS:
        broker.push([Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, at, at)])
    leases = broker.claim(["q"], limit=9, lease=60, worker="w")
    assert [(one.envelope.enqueued_at, one.envelope.due) for one in leases] == [
        (at, at) for at in MOMENTS
    ]
    broker.mark_started([(leases[0], MOMENTS[0])])
    assert broker.find(leases[0].id).started_at == MOMENTS[0]
    assert 0 < broker.next_due() <= 60
    broker.close()


@on_each_database
def test_models_show_times_as_the_site_writes_them(alias, zone):
    broker = DatabaseBroker(Session(alias))
    for at in MOMENTS:
        broker.push([Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, at, None)])
    jobs = LiveJob.objects.using(alias).order_by("id")
    assert [job.enqueued_at for job in jobs] == [to_local(at) for at in MOMENTS]
    assert list(jobs.values_list("enqueued_at", flat=True)) == [to_local(at) for at in MOMENTS]


@on_each_database
def test_models_find_jobs_by_time(alias, zone):
    broker = DatabaseBroker(Session(alias))
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    broker.push([Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, at, None)])
    assert LiveJob.objects.using(alias).filter(enqueued_at=to_local(at)).count() == 1
    assert LiveJob.objects.using(alias).filter(enqueued_at__lt=to_local(at)).count() == 0
