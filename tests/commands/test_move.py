"""`convoy move` takes jobs with what is remembered of them, and says what it cannot take."""

import os
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.db import transaction

from django_convoy import task
from django_convoy.domain.envelope import Note
from django_convoy.domain.verdict import Again, Bury
from django_convoy.framework import TaskResultStatus
from django_convoy.models import LiveJob, OutboxJob
from django_convoy.moving.mover import Mover
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, rich
from tests.outbox.shelf import Shelf
from tests.worker import test_ironmq, test_sqs
from tests.working import work

pytestmark = pytest.mark.django_db(transaction=True)
BACKEND = {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": []}
HOUR = timedelta(hours=1)
FAILED_ONCE = Note(errors=({"message": "no"},), failures=1)


@pytest.fixture
def backends(settings):
    """Two backends: `default` in the database, `shelf` in memory; `backends(shelf={...})`."""

    def use(default=(), shelf=(), queues=()):
        settings.TASKS = {
            "default": {**BACKEND, "OPTIONS": {"lease": 1, **dict(default)}},
            "shelf": {
                **BACKEND,
                "QUEUES": list(queues),
                "OPTIONS": {"broker": "tests.outbox.shelf.Shelf", "lease": 1, **dict(shelf)},
            },
        }

    Shelf.clear()
    use()
    yield use
    Shelf.clear()


def put_back(alias, verdict):
    """Somebody claimed the only ready job and gave it this verdict."""
    broker = runtime_of(alias).shared.broker
    (lease,) = broker.claim(["default"], limit=1, lease=60, worker="w")
    broker.settle([(lease, verdict)])
    return lease.id


def move(convoy, source, target, *flags):
    return convoy("move", "--from", source, "--to", target, *flags)


def test_all_that_waits_is_moved_and_runs_there(convoy, backends):
    ids = [add.enqueue(1).id, add.using(run_after=HOUR).enqueue(2).id, rich.enqueue("x").id]
    answer = move(convoy, "default", "shelf")
    assert answer.out == "3 jobs moved from 'default' to 'shelf'.\n"
    assert LiveJob.objects.count() == 0
    assert sorted(Shelf.world.rows) == sorted(ids)
    assert Shelf.world.rows[ids[1]].state == "delayed"
    assert sorted(work("shelf")) == [ids[0], ids[2]]


def test_one_queue_only(convoy, backends):
    add.enqueue(1)
    mail = rich.enqueue("x")
    move(convoy, "default", "shelf", "--queue", "mail")
    assert list(Shelf.world.rows) == [mail.id]
    assert LiveJob.objects.count() == 1


def test_attempts_and_notes_come_along(convoy, backends):
    add.using(backend="shelf", priority=7).enqueue(1)
    job_id = put_back("shelf", Again(3600, False, FAILED_ONCE))
    move(convoy, "shelf", "default")
    held = runtime_of("default").shared.broker.find(job_id)
    assert (held.state, held.attempt, held.note, held.envelope.priority) == (
        "delayed",
        1,
        FAILED_ONCE,
        7,
    )
    assert Shelf.world.rows == {}


def test_what_is_set_aside_stays_set_aside(convoy, backends):
    add.using(backend="shelf").enqueue(1)
    job_id = put_back("shelf", Bury(FAILED_ONCE))
    move(convoy, "shelf", "default")
    assert runtime_of("default").shared.broker.find(job_id).state == "buried"


def test_what_the_target_cannot_keep_is_said(convoy, backends):
    add.enqueue(1)
    put_back("default", Again(0, False, FAILED_ONCE))
    answer = move(convoy, "default", "shelf")
    assert "1 job lost what Shelf cannot keep: earlier attempts" in answer.err
    assert answer.status == 0
    add.enqueue(1)
    put_back("default", Bury(FAILED_ONCE))
    answer = move(convoy, "default", "shelf")
    assert "1 job stayed: Shelf cannot set jobs aside: retry or cancel it first" in answer.err
    assert answer.status == 1


def test_another_namespace_and_its_results(convoy, backends):
    backends(shelf={"namespace": "blue"})
    job_id = add.enqueue(1).id
    move(convoy, "default", "shelf")
    assert Shelf.world.rows[job_id].envelope.queue == "blue:default"
    assert work("shelf") == [job_id]
    result = add.using(backend="shelf").get_result(job_id)
    assert result.status is TaskResultStatus.SUCCESSFUL


def test_a_delay_that_the_target_cannot_hold_goes_into_its_outbox(convoy, backends):
    backends(shelf={"broker": {"name": "tests.outbox.shelf.Shelf", "max_delay": 900}})
    result = add.using(run_after=HOUR).enqueue(1)
    move(convoy, "default", "shelf")
    assert Shelf.world.rows == {}
    assert LiveJob.objects.count() == 0
    found = runtime_of("shelf").shared.view.find(result.id)
    assert (found.state, found.wake_at) == ("delayed", found.envelope.due)
    move(convoy, "shelf", "default")  # and back
    assert runtime_of("default").shared.broker.find(result.id).state == "delayed"
    assert runtime_of("shelf").shared.view.find(result.id) is None


def test_a_job_that_nobody_can_verify_stays(convoy, backends):
    backends(shelf={"namespace": "blue"})
    job_id = add.enqueue(1).id
    LiveJob.objects.update(payload='{"args":[2],"kwargs":{}}')
    answer = move(convoy, "default", "shelf")
    assert "1 job stayed: the signature does not fit the job" in answer.err
    assert answer.status == 1
    held = runtime_of("default").shared.broker.find(job_id)
    assert (held.state, held.attempt) == ("delayed", 0)


@task(atomic=True, timeout=0.3)
def transfer():
    pass


def test_an_atomic_task_stays_where_it_can_be_atomic(convoy, backends):
    transfer.enqueue()
    answer = move(convoy, "default", "shelf")
    assert "transfer: atomic=True needs a broker in the database" in answer.err
    assert LiveJob.objects.count() == 1


@pytest.fixture
def impatient(monkeypatch):
    """What others hold is waited for as short as can be."""
    monkeypatch.setattr("django_convoy.moving.mover.SOON", timedelta())


@pytest.mark.usefixtures("impatient")
def test_what_a_worker_holds_is_left_to_it(convoy, backends):
    add.enqueue(1)
    runtime_of("default").shared.broker.claim(["default"], limit=1, lease=60, worker="w")
    answer = move(convoy, "default", "shelf", "--json")
    assert answer.data == {"moved": 0, "left": {}, "held": 1, "forgotten": {}}


@pytest.mark.usefixtures("impatient")
def test_a_lease_lost_on_the_way_is_taken_back_from_the_target(convoy, backends, monkeypatch):
    job_id = add.enqueue(1).id
    monkeypatch.setattr(
        "django_convoy.brokers.database.DatabaseBroker.settle",
        lambda self, settlements: [False for _ in settlements],
    )
    answer = move(convoy, "default", "shelf")
    assert Shelf.world.rows == {}
    assert "0 jobs moved" in answer.out
    assert runtime_of("default").shared.broker.find(job_id) is not None


def test_where_it_is_refused(convoy, backends, settings):
    backends(queues=["mail"])
    add.enqueue(1)
    with pytest.raises(CommandError, match=r"queue 'default' is not in TASKS\['shelf'\]"):
        move(convoy, "default", "shelf")
    with pytest.raises(CommandError, match="have their jobs in one place"):
        move(convoy, "default", "default")
    with pytest.raises(CommandError, match="did you mean 'shelf'"):
        move(convoy, "default", "shelv")
    assert LiveJob.objects.count() == 1


def test_one_server_named_in_two_ways_is_found_out(convoy, backends, settings):
    settings.TASKS = {
        **settings.TASKS,
        "same": {
            **BACKEND,
            "OPTIONS": {"broker": {"name": "tests.outbox.shelf.Shelf", "max_delay": 9}},
        },
    }
    add.using(backend="shelf").enqueue(1)
    with pytest.raises(CommandError, match="have their jobs in one place"):
        move(convoy, "shelf", "same")
    assert len(Shelf.world.rows) == 1


class Killed(BaseException):
    """As if the process ended here."""


def dies(monkeypatch, name):
    """A move does this, and ends, until `monkeypatch.undo()`."""
    original = getattr(Mover, name)

    def call(self, jobs):
        original(self, jobs)
        if jobs:
            raise Killed

    monkeypatch.setattr(Mover, name, call)


def sent_of(job_ids):
    """These, in the order and as often as they were sent; a move sends a probe, too."""
    return [one for one in Shelf.log if one in job_ids]


BLIND = {"broker": "tests.outbox.shelf.BlindShelf"}
IN_DOUBT = "1 job stayed: they may have been sent to 'shelf' by a move that was killed"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("run_after", [None, timedelta(minutes=5)])
def test_what_may_have_been_sent_to_one_that_cannot_be_asked_stays(
    convoy, backends, monkeypatch, run_after
):
    backends(shelf=BLIND)
    job_id = (add.using(run_after=run_after) if run_after else add).enqueue(1).id
    with monkeypatch.context() as patch:
        dies(patch, "_put")
        with pytest.raises(Killed):
            move(convoy, "default", "shelf")
    other = add.using(run_after=run_after).enqueue(2).id
    time.sleep(1.1)  # a lease
    for _ in range(2):
        answer = move(convoy, "default", "shelf")
        assert IN_DOUBT in answer.err
        assert answer.status == 1
    assert sent_of([job_id, other]) == [job_id, other]
    answer = move(convoy, "default", "shelf", "--resend")
    assert (answer.status, "1 job moved" in answer.out) == (0, True)
    assert sent_of([job_id, other]) == [job_id, other, job_id]
    assert not LiveJob.objects.exists()
    assert not OutboxJob.objects.exists()


def test_a_batch_that_left_its_source_is_in_no_doubt(convoy, backends):
    backends(shelf=BLIND)
    add.enqueue(1)
    add.using(run_after=timedelta(minutes=5)).enqueue(1)
    assert move(convoy, "default", "shelf").status == 0
    assert not OutboxJob.objects.exists()


def test_a_target_that_cannot_be_asked_needs_a_table_or_consent(convoy, backends, monkeypatch):
    backends(shelf=BLIND)
    add.enqueue(1)
    monkeypatch.setattr("django_convoy.outbox.table.Table.exists", lambda self: False)
    with pytest.raises(CommandError, match=r"no table convoy_outbox.*or say --resend"):
        move(convoy, "default", "shelf")
    assert move(convoy, "default", "shelf", "--resend").status == 0


def test_a_source_that_forgets_what_is_claimed_is_refused(convoy, backends):
    backends(shelf={"broker": "tests.limited.LetsGoBroker"})
    with pytest.raises(CommandError, match="forgets a job when it is claimed"):
        move(convoy, "shelf", "default", "--queue", "default")


def test_what_stayed_for_a_while_is_not_delayed_by_that(convoy, backends):
    backends(shelf={"broker": {"name": "tests.outbox.shelf.Shelf", "max_body": 10}})
    job_id = add.enqueue(1).id
    Shelf.refuses = job_id
    assert move(convoy, "default", "shelf").status == 1
    Shelf.refuses = ""
    assert move(convoy, "default", "shelf").status == 0
    assert work("shelf") == [job_id]


def test_a_row_whose_job_was_sent_to_the_source_is_no_second_job(convoy, backends, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("django_convoy.outbox.table.Table.delete", lambda self, ids: None)
        with transaction.atomic():
            job_id = add.using(backend="shelf").enqueue(1).id
    OutboxJob.objects.update(wake_at="2020-01-01T00:00Z")
    answer = move(convoy, "shelf", "default")
    assert "1 job moved" in answer.out
    assert [one.id for one in LiveJob.objects.all()] == [job_id]
    assert not OutboxJob.objects.exists()
    assert Shelf.world.rows == {}


UNLISTED = {
    "sqs": lambda: test_sqs.broker(os.environ["CONVOY_TEST_SQS"], wait=1),
    "ironmq": lambda: {
        **test_ironmq.options(os.environ["CONVOY_TEST_IRONMQ"]),
        "project_id": f"left{time.time_ns()}",
    },
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "server", [pytest.param(one, marks=getattr(pytest.mark, one)) for one in UNLISTED]
)
def test_delayed_jobs_that_cannot_be_listed_are_counted_and_said(convoy, backends, server):
    backends(shelf={"broker": UNLISTED[server]()}, queues=["default"])
    add.using(backend="shelf").enqueue(1)
    add.using(backend="shelf", run_after=timedelta(minutes=5)).enqueue(2)
    answer = move(convoy, "shelf", "default")
    assert "1 job moved" in answer.out
    assert "1 job stayed: delayed" in answer.err
    assert "run it again then" in answer.err
    assert answer.status == 1
    data = move(convoy, "shelf", "default", "--json").data
    assert (data["moved"], list(data["left"].values())) == (0, [1])
    runtime_of("shelf").shared.close()
