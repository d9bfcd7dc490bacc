"""MongoDB: what its statements cost, and what others may do to the collection and the answers."""

import contextlib
import json
import os
import secrets
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary, DatetimeMS, Decimal128, Regex
from pymongo import MongoClient, monitoring
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

from django_convoy.brokers.mongodb import MongoBroker
from django_convoy.brokers.mongodb_documents import MAX_BODY
from django_convoy.contracts.broker import Counts, Held
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.errors import BrokerUnavailable, PayloadError
from django_convoy.domain.verdict import DONE, Again, Bury
from tests.worker.site import wait_for

pytestmark = pytest.mark.mongodb
Make = Callable[..., MongoBroker]
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=1)
BEFORE = NOW - timedelta(days=1)


@pytest.fixture
def database() -> Iterator[Any]:
    with MongoClient(os.environ["CONVOY_TEST_MONGODB"]) as client:
        name = f"races-{secrets.token_hex(4)}"
        yield client[name]
        client.drop_database(name)


@pytest.fixture
def make(database: Any) -> Iterator[Make]:
    """Makes brokers on this test's database."""
    with contextlib.ExitStack() as stack:

        def made(**options: Any) -> MongoBroker:
            uri = os.environ["CONVOY_TEST_MONGODB"]
            broker = MongoBroker(uri=uri, database=database.name, **options)
            stack.callback(broker.close)
            return broker

        yield made


def envelope(queue: str = "q", **fields: Any) -> Envelope:
    given = {"task": "shop.tasks.ship", "payload": "{}", "seal": "s", "key_id": "k", "priority": 0}
    return Envelope(id=ids.job_id(), queue=queue, enqueued_at=clock.now(), **{**given, **fields})


def claim(broker: MongoBroker, limit: int = 10, lease: float = 60) -> list[Lease]:
    return broker.claim(["q"], limit=limit, lease=lease, worker="w")


# Plans


class Recorder(monitoring.CommandListener):
    """Keeps the commands that a broker sends."""

    NOT_OURS = ("lsid", "txnNumber", "$db", "$clusterTime", "writeConcern", "maxTimeMS")

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        told = {k: v for k, v in event.command.items() if k not in self.NOT_OURS}
        kind = event.command_name
        many = {"update": "updates", "delete": "deletes"}.get(kind)
        if many is not None:  # only one at a time can be explained
            self.commands += [{**told, many: [one]} for one in told[many]]
        elif kind in ("find", "aggregate", "distinct", "findAndModify"):
            self.commands.append(told)

    def succeeded(self, event: object) -> None: ...

    def failed(self, event: object) -> None: ...


def stages(plan: Any) -> Iterator[str]:
    """All stages that are named in the answer of explain, at any depth."""
    if isinstance(plan, list):
        for one in plan:
            yield from stages(one)
    elif isinstance(plan, dict):
        for key, value in plan.items():
            if key == "stage":
                yield value
            elif key == "$sort":
                yield key
            elif key not in ("command", "rejectedPlans"):
                yield from stages(value)


def read(plan: Any) -> int:
    """How many documents were read, as opposed to keys of an index."""
    if isinstance(plan, list):
        return max(map(read, plan), default=0)
    if not isinstance(plan, dict):
        return 0
    return max(plan.get("totalDocsExamined", 0), *map(read, plan.values()), 0)


def test_no_statement_reads_what_it_is_not_for(make: Make, database: Any) -> None:
    """Beside 50,000 jobs in other states each goes by an index, sorts nothing and reads no more
    documents than it changes or returns."""
    recorder = Recorder()
    broker = make(event_listeners=[recorder])
    broker.ping()
    others = [
        *({"state": "delayed", "queue": "q", "wake_at": LATER} for _ in range(15_000)),
        *({"state": "leased", "queue": "q", "wake_at": LATER, "token": "x"} for _ in range(10_000)),
        *({"state": "buried", "queue": "q"} for _ in range(10_000)),
        *({"state": "ready", "queue": "other"} for _ in range(15_000)),
    ]
    database["convoy_jobs"].insert_many([{"priority": 0, **one} for one in others], ordered=False)
    broker.push([envelope(priority=n % 3) for n in range(30)])
    broker.push([envelope(due=BEFORE)])
    recorder.commands.clear()

    leases = claim(broker) + claim(broker, 1)
    broker.renew(leases, lease=60)
    broker.mark_started([(one, NOW) for one in leases])
    again = Again(0, False, Note(failures=1))
    verdicts = [DONE, again, Again(60, True, Note()), Bury(Note(crashes=1)), *[DONE] * 7]
    assert broker.settle(list(zip(leases, verdicts, strict=True))) == [True] * 11
    broker.next_due()
    broker.ready_queues()
    broker.find(leases[1].id)
    broker.revive(leases[3].id)
    broker.remove(leases[1].id)
    empty = broker.claim(["none"], limit=5, lease=60, worker="w", wait=0.1)
    assert empty == []
    few = len(recorder.commands)
    assert broker.purge("q") == 15_000 + 10_000 + 22
    commands = list(recorder.commands)
    assert {next(iter(one)) for one in commands} == {
        "find",
        "aggregate",
        "distinct",
        "update",
        "delete",
        "findAndModify",
    }
    database["convoy_jobs"].insert_many([{"priority": 0, **one} for one in others], ordered=False)
    for place, command in enumerate(commands):
        plan = database.command({"explain": command, "verbosity": "executionStats"})
        shown = json.dumps(command, default=str)[:600]
        assert not {"COLLSCAN", "SORT", "$sort"} & set(stages(plan)), shown
        assert place >= few or read(plan) <= 20, shown


def test_counting_reads_the_indexes_alone(make: Make, database: Any) -> None:
    recorder = Recorder()
    broker = make(event_listeners=[recorder])
    broker.push([envelope(f"q{n % 3}") for n in range(300)])
    recorder.commands.clear()
    assert broker.counts("q1") == Counts(ready=100)
    assert broker.queues() == {f"q{n}": Counts(ready=100) for n in range(3)}
    for command in recorder.commands:
        plan = database.command({"explain": command, "verbosity": "executionStats"})
        assert read(plan) == 0, command


# What others put there


def strangers(queue: str) -> list[dict[str, Any]]:
    """Documents that Convoy never made; each would be claimed, swept or counted."""
    good = {
        "state": "ready",
        "queue": queue,
        "priority": 0,
        "task": "t",
        "payload": "{}",
        "seal": "s",
        "key_id": "k",
        "enqueued_at": "2026-01-01T00:00:00+00:00",
        "attempt": 0,
    }
    changes: list[dict[str, Any]] = [
        {"_id": 5},
        {"_id": {"a": 1}},
        {"_id": Binary(b"\0" * 16)},
        {"priority": "high"},
        {"priority": [1, 2]},
        {"priority": None},
        {"priority": Decimal128("1")},
        {"queue": [queue, 7]},
        {"task": None},
        {"payload": b"{}"},
        {"payload": {"$ref": "x", "$id": 1}},
        {"seal": Regex("(")},
        {"enqueued_at": NOW},
        {"enqueued_at": "yesterday"},
        {"enqueued_at": "2026-01-01T00:00:00"},
        {"due": 7},
        {"note": 5},
        {"note": "{"},
        {"note": "[1]"},
        {"note": {"$ref": 5}},
        {"note": "[" * 100_000},
        {"state": ["ready"]},
    ]
    late = {"wake_at": BEFORE}
    waking: list[dict[str, Any]] = [
        {"state": "delayed", "task": 1, **late},
        {"state": "delayed", "task": 2, "wake_at": [BEFORE, 5]},
        {"state": "leased", "task": 3, **late},
        {"state": "leased", "task": 4, "token": {"$foo": 1}, **late},
        {"state": "leased", "task": 5, "note": "{", **late},
    ]
    return [{**good, **one} for one in changes + waking]


def ignored() -> list[dict[str, Any]]:
    """Documents that are in no state that Convoy knows, or never wake."""
    return [
        {},
        {"state": "ready"},
        {"state": "odd", "wake_at": BEFORE},
        {"state": {"a": 1}, "wake_at": BEFORE},
        {"state": "delayed", "queue": "q", "wake_at": "soon"},
        {"state": "delayed", "queue": "q", "wake_at": DatetimeMS(2**61)},
        {"state": "leased", "queue": "q", "wake_at": None},
        {"state": "buried", "queue": 5},
    ]


def test_strange_documents_stop_nobody_and_are_set_aside(make: Make, database: Any) -> None:
    broker = make()
    broker.ping()
    jobs = database["convoy_jobs"]
    jobs.insert_many(strangers("q") + ignored())
    pushed = envelope(priority=-5)
    broker.push([pushed])
    seen: list[str] = []

    def got() -> bool:
        seen.extend(one.id for one in claim(broker))
        seen.extend(one.id for one in claim(broker, 1))
        return pushed.id in seen

    wait_for(got, "the job behind them")
    wait_for(lambda: claim(broker, 1) == [] and broker.queues()["q"].buried > 20, "all seen")
    assert set(seen) - {pushed.id} == {
        str(one["_id"]) for one in jobs.find({"state": "leased", "token": {"$type": "string"}})
    } - {pushed.id}
    aside = list(broker.jobs(state="buried", limit=100))
    assert sum("not a " in one.note.ended or "not a " in one.note.waiting for one in aside) >= 20
    assert len(list(broker.jobs(limit=100))) == jobs.count_documents({})
    broker.ready_queues()
    broker.next_due()
    broker.counts("q")
    broker.delete("q")
    assert broker.queues().get("q", Counts()).ready == 0


def test_a_hostile_attempt_counts_as_the_first(make: Make, database: Any) -> None:
    broker = make()
    job = envelope()
    broker.push([job])
    for attempt in ("many", [1], None, 2**70 / 3, {"$add": 1}):
        database["convoy_jobs"].update_one({"_id": job.id}, {"$set": {"attempt": attempt}})
        (lease,) = claim(broker)
        assert lease.attempt == 1
        assert broker.settle([(lease, Again(0, True, Note()))]) == [True]


# What the server takes


def test_a_job_that_is_too_large_is_refused_before_anything_is_sent(make: Make) -> None:
    broker = make()
    large = envelope(payload="x" * MAX_BODY)
    with pytest.raises(PayloadError, match=r"15,728,8\d\d bytes, and MongoDB takes at most"):
        broker.push([envelope(), large])
    assert broker.counts("q") == Counts()


def test_text_that_is_no_unicode_is_refused_before_anything_is_sent(make: Make) -> None:
    broker = make()
    with pytest.raises(PayloadError, match="cannot be stored in MongoDB"):
        broker.push([envelope(), envelope(payload="\ud800")])
    assert broker.counts("q") == Counts()


def test_a_large_job_has_room_for_what_went_wrong(make: Make) -> None:
    broker = make()
    broker.push([envelope(payload="x" * (MAX_BODY - 1000))])
    errors = tuple(
        {"exception_class_path": "E", "message": "\ud800" * 2000, "traceback": "\n" * 20_000}
        for _ in range(100)
    )
    (lease,) = claim(broker)
    assert broker.settle([(lease, Bury(Note(errors=errors)))]) == [True]
    held = broker.find(lease.id)
    assert held is not None
    assert 10 < len(held.note.errors) < 100
    assert held.note.errors[-1] == errors[-1]


def test_a_job_that_is_pushed_again_is_there_once(make: Make) -> None:
    broker = make()
    one, two, three = envelope(), envelope(), envelope()
    broker.push([one])
    broker.push([one])
    broker.push([one, two, three])
    assert [lease.id for lease in claim(broker)] == [one.id, two.id, three.id]


def test_a_job_of_another_broker_comes_with_what_is_known_of_it(make: Make) -> None:
    broker = make()
    note = Note(failures=2, workers=("w",))
    taken = [
        Held(envelope(), "ready", 3, note),
        Held(envelope(due=BEFORE), "ready", 0, Note()),
        Held(envelope(), "delayed", 1, note, wake_at=LATER),
        Held(envelope(), "buried", 4, note),
    ]
    broker.adopt(taken)
    broker.adopt(taken)
    assert broker.counts("q") == Counts(ready=2, delayed=1, buried=1)
    first, second = claim(broker)
    assert (first.envelope, first.attempt, first.note) == (taken[0].envelope, 4, note)
    assert (second.envelope, second.attempt, second.note) == (taken[1].envelope, 1, Note())
    for one, state, at in ((taken[2], "delayed", LATER), (taken[3], "buried", None)):
        held = broker.find(one.envelope.id)
        assert held is not None
        assert (held.state, held.attempt, held.note) == (state, one.attempt, note)
        assert (held.wake_at is None) == (at is None)


# Answers that are lost


@contextlib.contextmanager
def cut_off_after(monkeypatch: pytest.MonkeyPatch, verb: str) -> Iterator[None]:
    """The server does what it is told; its answer does not arrive."""
    before = getattr(Collection, verb)

    def cut(*args: Any, **kwargs: Any) -> Any:
        before(*args, **kwargs)
        raise AutoReconnect("cut off by the test")

    with monkeypatch.context() as patch:
        patch.setattr(Collection, verb, cut)
        yield


@pytest.mark.parametrize(("limit", "verb"), [(10, "update_many"), (1, "find_one_and_update")])
def test_what_was_claimed_unheard_is_given_back(
    make: Make, monkeypatch: pytest.MonkeyPatch, limit: int, verb: str
) -> None:
    broker = make()
    pushed = [envelope() for _ in range(3)]
    broker.push(pushed)
    with cut_off_after(monkeypatch, verb), pytest.raises(BrokerUnavailable, match="cut off by"):
        claim(broker, limit)
    assert broker.counts("q").leased == min(limit, 3)
    leases = claim(broker)
    assert [one.id for one in leases] == [one.id for one in pushed]
    assert [(one.attempt, one.note) for one in leases] == [(1, Note())] * 3


@pytest.mark.parametrize("verdict", [DONE, Again(60, False, Note(failures=1)), Bury(Note())])
def test_what_was_settled_unheard_is_settled(
    make: Make, monkeypatch: pytest.MonkeyPatch, verdict: Any
) -> None:
    broker = make()
    broker.push([envelope(), envelope()])
    first, second = claim(broker)
    with cut_off_after(monkeypatch, "bulk_write"), pytest.raises(BrokerUnavailable):
        broker.settle([(first, verdict)])
    assert broker.settle([(first, verdict), (second, DONE)]) == [True, True]
    assert broker.settle([(first, verdict)]) == [False]


def test_what_somebody_else_took_meanwhile_was_lost(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, other = make(), make()
    broker.push([envelope()])
    (lease,) = claim(broker, lease=0.05)
    with monkeypatch.context() as patch, pytest.raises(BrokerUnavailable):
        patch.setattr(Collection, "find", _cut)
        broker.settle([(lease, DONE)])
    (taken,) = other.claim(["q"], limit=1, lease=60, worker="other", wait=30)
    assert broker.settle([(lease, DONE)]) == [False]
    assert other.settle([(taken, DONE)]) == [True]


def _cut(*args: Any, **kwargs: Any) -> Any:
    raise AutoReconnect("cut off by the test")


# The rest


def test_indexes_come_back_when_somebody_drops_the_collection(make: Make, database: Any) -> None:
    broker = make()
    broker.push([envelope()])
    database.drop_collection("convoy_jobs")
    pushed = envelope()
    broker.push([pushed])

    def claimed() -> list[Lease]:
        with contextlib.suppress(BrokerUnavailable):  # once
            return claim(broker)
        return []

    assert [one.id for one in wait_for(claimed, "the job")] == [pushed.id]
    assert len(list(database["convoy_jobs"].list_indexes())) == 5


def test_a_forked_process_has_a_connection_of_its_own(make: Make) -> None:
    broker = make()
    broker.push([envelope(), envelope()])
    assert len(claim(broker, 1)) == 1
    with warnings.catch_warnings(action="ignore"):
        child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            status = 0 if len(claim(broker, 1)) == 1 else 2
            broker.close()
        os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert claim(broker) == []
    assert broker.counts("q") == Counts(leased=2)


def test_a_queue_is_deleted_with_what_is_held(make: Make) -> None:
    broker = make()
    broker.push([envelope(), envelope(), envelope(due=LATER), envelope("other")])
    (lease,) = claim(broker, 1)
    assert broker.delete("q") == 3
    assert broker.settle([(lease, DONE)]) == [False]
    assert broker.queues() == {"other": Counts(ready=1)}


def test_it_says_what_it_talks_to(make: Make) -> None:
    broker = make()
    broker.ping()
    assert broker.info().startswith("MongoDB ")
    assert broker.info().endswith(", replica set rs0")


def test_a_server_that_is_not_there_is_named_without_passwords() -> None:
    broker = MongoBroker(uri="mongodb://u:secret@127.0.0.1:1/shop", timeoutMS=100)
    try:
        with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1/shop: ") as told:
            broker.ping()
        assert "secret" not in str(told.value)
    finally:
        broker.close()
