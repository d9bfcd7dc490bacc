"""The control room of a backend whose broker is elsewhere: its outbox, its server, its queues."""

import random
from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.db import transaction

from django_convoy.checks import check_backend
from django_convoy.domain import clock
from django_convoy.domain.errors import BrokerUnavailable, PayloadError
from django_convoy.framework import BaseTaskBackend, task_backends
from django_convoy.models import LiveJob, OutboxJob
from django_convoy.runtime import runtime_of
from tests.api.tasks import add
from tests.commands.test_doctor import about
from tests.outbox.shelf import Shelf

pytestmark = pytest.mark.django_db(transaction=True)
BACKEND = {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": []}
SHELF = {"name": "tests.outbox.shelf.Shelf", "max_delay": 900}


@pytest.fixture(autouse=True)
def elsewhere(settings):
    Shelf.clear()
    settings.TASKS = {"default": {**BACKEND, "OPTIONS": {"broker": SHELF}}}
    yield
    Shelf.clear()


def use(settings, **options):
    settings.TASKS = {"default": {**BACKEND, "OPTIONS": {"broker": SHELF, **options}}}


def test_what_is_parked_is_listed_counted_and_cancelled(convoy):
    job_id = add.using(run_after=timedelta(hours=1)).enqueue(1).id
    assert convoy("status").row("default")[1:3] == ["0", "1"]
    assert job_id in convoy("jobs", "--state", "delayed").out
    assert "delayed" in convoy("job", job_id).out
    assert convoy("cancel", job_id).status == 0
    assert not OutboxJob.objects.exists()
    assert "CANCELLED" in convoy("jobs").out


def test_the_doctor_counts_what_is_in_the_outbox(convoy):
    assert about(convoy("doctor", "--json"), "outbox") == [
        ("fine", "nothing waits in 'default' to be sent")
    ]
    add.using(run_after=timedelta(hours=1)).enqueue(1)
    ((level, told),) = about(convoy("doctor", "--json"), "outbox")
    assert (level, told) == ("fine", "1 parked until the broker can hold them")
    OutboxJob.objects.update(wake_at=clock.now() - timedelta(minutes=5))
    ((level, told),) = about(convoy("doctor", "--json"), "outbox")
    assert level == "warning"
    assert "should have been sent 5 min ago" in told


def test_keys_of_what_is_in_the_outbox_are_counted(convoy):
    add.using(run_after=timedelta(hours=1)).enqueue(1)
    ((_, told),) = about(convoy("doctor", "--json"), "keys")
    assert told.startswith("1 live job signed with the current key")


def test_without_the_table_jobs_are_sent_on_commit_and_the_doctor_says_so(
    convoy, monkeypatch, caplog
):
    monkeypatch.setattr("django_convoy.outbox.table.Table.exists", lambda self: False)
    with transaction.atomic():
        result = add.enqueue(1)
        assert Shelf.log == []
    assert Shelf.log == [result.id]
    assert "has no table convoy_outbox" in caplog.text
    ((level, told),) = about(convoy("doctor", "--json"), "outbox")
    assert level == "warning"
    assert "lost when the process dies in between" in told


def test_where_no_database_has_the_tables_a_check_says_so(settings):
    settings.DATABASE_ROUTERS = [type("Nowhere", (), {"allow_migrate": lambda *a, **k: False})()]
    use(settings, store="none")
    found = check_backend("default", task_backends["default"].options, set())
    assert [one.id for one in found] == ["convoy.W002"]
    with transaction.atomic():
        result = add.enqueue(1)
        assert Shelf.log == []
    assert Shelf.log == [result.id]
    use(settings, store="none", enqueue="on_commit")
    assert check_backend("default", task_backends["default"].options, set()) == []
    limited = {**SHELF, "max_body": 5_000}
    use(settings, store="none", enqueue="on_commit", broker=limited, outbox={"spill": True})
    found = check_backend("default", task_backends["default"].options, set())
    assert [one.id for one in found] == ["convoy.W003"]
    with pytest.raises(PayloadError, match="takes 5,000"):
        add.enqueue(random.Random(1).randbytes(10_000).hex())


def test_an_outbox_in_a_database_that_is_not_there_is_an_error(settings):
    use(settings, outbox={"alias": "nowhere"})
    (found,) = check_backend("default", {}, set())
    assert "there is no database 'nowhere' in DATABASES" in found.msg
    use(settings, outbox={"fallbak": True})
    (found,) = check_backend("default", {}, set())
    assert "did you mean 'fallback'?" in found.msg


def test_status_goes_on_where_the_broker_is_out_of_reach(convoy, monkeypatch):
    def queues(self):
        raise BrokerUnavailable("nobody there")

    monkeypatch.setattr(Shelf, "queues", queues)
    answer = convoy("status")
    assert "The broker cannot be reached: nobody there" in answer.out
    assert "No worker has reported" in answer.out
    assert convoy("status", "--json").data["unreachable"] == "nobody there"


def test_the_doctor_looks_at_every_backend(convoy, settings):
    settings.TASKS = {
        "shelf": settings.TASKS["default"],
        "default": {**BACKEND, "OPTIONS": {}},
        "broken": {**BACKEND, "OPTIONS": {"broker": "nowhere"}},
        "foreign": {
            "BACKEND": f"{BaseTaskBackend.__module__.rpartition('.')[0]}.dummy.DummyBackend"
        },
    }
    answer = convoy("doctor", "--json")
    assert answer.status == 1
    assert answer.data["capabilities"].keys() == {"shelf", "default"}
    seen = {one["backend"]: one["level"] for one in answer.data["findings"]}
    assert seen.keys() == {"shelf", "default", "broken"}
    assert seen["broken"] == "error"
    servers = [text for _, text in about(answer, "server")]
    assert len(servers) == 1
    assert servers[0].startswith("DatabaseBroker is connected to SQLite 3.")
    only = convoy("doctor", "--backend", "default", "--json").data
    assert {one["backend"] for one in only["findings"]} == {"default"}


def test_a_queue_is_deleted_with_what_is_held_and_what_is_parked(convoy, settings, monkeypatch):
    use(settings, broker={"name": "database"})
    add.enqueue_many(range(3))
    runtime_of("default").shared.broker.claim(["default"], limit=1, lease=60, worker="w")
    monkeypatch.setattr("builtins.input", lambda question: "n")
    answer = convoy("queues", "delete", "default")
    assert (answer.status, LiveJob.objects.count()) == (1, 3)
    assert "Nothing was deleted" in answer.err
    assert "with 3 jobs" in convoy("queues", "delete", "default", "--no-input").out
    assert LiveJob.objects.count() == 0
    with pytest.raises(CommandError, match="name the queue"):
        convoy("queues", "delete")
    with pytest.raises(CommandError, match="a name goes with"):
        convoy("queues", "list", "mail")
