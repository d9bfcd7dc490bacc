"""Jobs on a Redis or Valkey server, from Redis 6.2 on: each verb is one script, a step of its own.

New jobs come on a plain list. Of those that a claim or a look has put in order there are a hash,
and sorted sets that say which are ready, delayed, leased or set aside. A claim takes the first that
are ready, and a lease is named by the job and the token of the claim: who has another token finds
nothing. Scripts are in `clients/lua/`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django_convoy.brokers import wire
from django_convoy.brokers.redis_adopting import RedisAdopting
from django_convoy.brokers.redis_browsing import RedisBrowsing
from django_convoy.brokers.redis_claiming import RedisClaiming, earlier
from django_convoy.brokers.redis_jobs import member, write_body, write_note
from django_convoy.brokers.redis_queues import RedisQueues
from django_convoy.clients.redis_cluster import open_link
from django_convoy.clients.redis_link import Value
from django_convoy.clients.redis_records import Records, awaited_key
from django_convoy.clients.redis_scripts import script
from django_convoy.clients.redis_settings import Place, place_of
from django_convoy.contracts.broker import Broker, Counts, Reachable, Recorder
from django_convoy.contracts.store import Record, Store
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.errors import PayloadError
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Again, Bury, Verdict

PUSH = script("common", "incoming", "push")
RENEW = script("common", "renew")
SETTLE = script("common", "keep", "settle")
MARK = script("common", "mark")
COUNTS = script("common", "counts")
PURGE = script("common", "purge")
Settlement = tuple[Lease, Verdict, Record | None]


class RedisBroker(RedisClaiming, RedisBrowsing, RedisAdopting, Recorder, Reachable, Broker):
    """One server or cluster, under one prefix of keys. Options are those of `place_of`."""

    capabilities = Capabilities()

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._link = open_link(place_of(**options))
        if self._link.is_cluster:  # no transaction reaches queues of several nodes
            self.capabilities = replace(self.capabilities, atomic_batches=False)
        self._queues = RedisQueues(self._link)
        self._awaited = awaited_key(self._link.place)
        self._records: Records | None = None
        # Who changes what a push does changes it for all jobs; and a cluster's wake-up is apart.
        self.appends = type(self).push is RedisBroker.push and not self._link.is_cluster
        self._begin_claiming()

    @property
    def place(self) -> Place:
        """Where it is, for a store that is to be there, too."""
        return self._link.place

    # Enqueueing

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Run one script for each queue; jobs of several go in one transaction of the server."""
        calls: dict[str, list[Value]] = {}
        for one in envelopes:
            args = calls.get(one.queue)
            if args is None:
                args = calls[one.queue] = [one.queue]
            due = "" if one.due is None else wire.micros(one.due)
            args += (one.id, due, -one.priority, write_body(one))
        for queue in calls:
            self._queues.register(queue)
        try:
            if len(calls) == 1:
                ((queue, args),) = calls.items()
                self._link.script(PUSH, self._queues.keys(queue), *args)
            elif calls:
                self._link.atomically(
                    PUSH, [(self._queues.keys(queue), *args) for queue, args in calls.items()]
                )
        except UnicodeEncodeError as error:
            raise PayloadError(f"a job that cannot be stored as text: {error}") from None
        self._tell(calls)

    def push_new(self, envelopes: Iterable[Envelope]) -> None:
        """Append them to the list of one queue: no script, which would take the server longer than
        all else. What is late, urgent, or of several queues is put in its place at once."""
        jobs = envelopes if isinstance(envelopes, list) else list(envelopes)
        queue = jobs[0].queue if jobs else ""
        plain = [one for one in jobs if one.queue == queue and one.due is None and not one.priority]
        if not jobs or not self.appends or len(plain) < len(jobs):
            self.push(jobs)
            return
        incoming, ring = self._queues.doorstep(queue)
        entries = [f"{one.id} {write_body(one)}" for one in jobs]
        commands: list[Sequence[Value] | bytes] = [("RPUSH", incoming, *entries), ring]
        if not self._queues.is_registered(queue):
            commands.append(self._queues.registration(queue))
        try:
            added, _, *registered = self._link.commands(incoming, commands)
        except UnicodeEncodeError as error:
            raise PayloadError(f"a job that cannot be stored as text: {error}") from None
        if isinstance(added, Exception):
            raise self._link.refused(added)
        # The job is there, whatever became of the rest.
        if registered and not isinstance(registered[0], Exception):
            self._queues.registered(queue)

    # Holding and settling

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Move when leases lapse, as long as they are there."""
        held = self._each(RENEW, leases, [int(lease * 1e6)], [[member(one)] for one in leases])
        return [Renewal.HELD if ok else Renewal.LOST for ok in held]

    def _each(
        self, script: Any, leases: Sequence[Lease], head: list[Value], args: list[list[Value]]
    ) -> list[bool]:
        """Run a script for the leases of each queue; return its answers in their order."""
        places: dict[str, list[int]] = {}
        for place, one in enumerate(leases):
            places.setdefault(one.envelope.queue, []).append(place)
        answers = [False] * len(leases)
        for queue, some in places.items():
            given = [value for place in some for value in args[place]]
            answer = self._link.script(script, self._queues.keys(queue), queue, *head, *given)
            for place, ok in zip(some, answer, strict=True):
                answers[place] = ok == _YES
        return answers

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Forget what is done, put back what runs again, set aside what is buried."""
        return self.settle_and_record([(lease, verdict, None) for lease, verdict in settlements])

    def records_for(self, store: Store) -> bool:
        """Return whether the store is on this very server, where one script reaches both."""
        if not isinstance(store, Records) or self._link.is_cluster:
            self._records = None
            return False
        same = store.place == self._link.place
        self._records = store if same else None
        return same

    def settle_and_record(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Settle, and keep the records of those that were still held: one script for each queue."""
        answers = [False] * len(settlements)
        queues: dict[str, list[int]] = {}
        for place, (lease, _, _) in enumerate(settlements):
            queues.setdefault(lease.envelope.queue, []).append(place)
        for queue, places in queues.items():
            some = [settlements[place] for place in places]
            for place, held in zip(places, self._settle(queue, some), strict=True):
                answers[place] = held
        if self._link.is_cluster:
            back = [lease for lease, verdict, _ in settlements if isinstance(verdict, Again)]
            self._tell({lease.envelope.queue for lease in back})
        return answers

    def _settle(self, queue: str, settlements: Sequence[Settlement]) -> list[bool]:
        done: list[Value] = []
        other: list[Value] = []
        order = []
        for place, (lease, verdict, _) in enumerate(settlements):
            if isinstance(verdict, Again | Bury):
                other += (member(lease), goes(verdict), note_of(lease, verdict))
            else:
                done.append(member(lease))
                order.append(place)
        if other:
            rest = set(order)
            order += [place for place in range(len(settlements)) if place not in rest]
        keys, kept = self._queues.keys(queue), list[Value]()
        if self._records is not None:
            keys = (*keys, self._awaited)
            for number, place in enumerate(order, 1):
                if (record := settlements[place][2]) is not None:
                    kept += (number, *self._records.kept(record))
        answer = self._link.script(
            SETTLE,
            keys,
            queue,
            len(done),
            *done,
            len(other) // 3,
            *other,
            *kept,
        )
        held = [False] * len(settlements)
        for place, ok in zip(order, answer, strict=True):
            held[place] = ok == _YES
        return held

    def _tell(self, queues: Iterable[str]) -> None:
        """Wake those whom the scripts of a cluster cannot reach."""
        if self._link.is_cluster:
            for queue in queues:
                self._queues.ring_any(queue)

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Write beside the leases when long jobs began."""
        for lease, at in leases:
            queue = lease.envelope.queue
            given = member(lease), wire.micros(at)
            self._link.script(MARK, self._queues.keys(queue), queue, *given)

    # The rest

    def counts(self, queue: str) -> Counts:
        """Ask how large the sets are."""
        return Counts(*self._link.script(COUNTS, self._queues.keys(queue), queue))

    def queues(self) -> Mapping[str, Counts]:
        """Count the jobs of all queues that were used lately."""
        names = self._queues.names()
        found = {queue: Counts(*answer) for queue, answer in self._queues.ask(COUNTS, names)}
        self._queues.forget_unused(queue for queue, one in found.items() if one == Counts())
        return {queue: one for queue, one in sorted(found.items()) if one != Counts()}

    def purge(self, queue: str) -> int:
        """Remove what nobody holds."""
        return int(self._link.script(PURGE, self._queues.keys(queue), queue, 0))

    def delete(self, queue: str) -> int:
        """Remove a queue with all that it has, also what is held; return how many jobs it had."""
        removed = int(self._link.script(PURGE, self._queues.keys(queue), queue, 1))
        # It stays in the register: others push without asking whether it is still there.
        self._queues.forget_tokens(queue)
        return removed

    def next_due(self) -> float | None:
        """Return the seconds until the next delayed job is due or the next lease lapses."""
        known = self._queues.peek(self._queues.names()).values()
        return earlier(*(one.due for one in known))

    def ping(self) -> None:
        """Ask the server for an answer. Raises BrokerUnavailable."""
        self._link.call(self._awaited, "PING")

    def info(self) -> str:
        """Return the name and version of the server."""
        text = self._link.call(self._awaited, "INFO", "server").decode("utf-8", "replace")
        found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if version := found.get("valkey_version"):
            return f"Valkey {version}"
        return f"Redis {found.get('redis_version', 'of an unknown version')}"

    def close(self) -> None:
        """Close all connections."""
        self._idling.close()
        self._link.close()


_YES = ord("1")


def goes(verdict: Again | Bury) -> Value:
    """Return where a job goes, as `settle.lua` takes it."""
    if isinstance(verdict, Bury):
        return "b"
    return int(verdict.delay * 1e6) if verdict.delay > 0 else "r"


def note_of(lease: Lease, verdict: Again | Bury) -> str:
    """Return what is remembered of a job that is not done."""
    refund = isinstance(verdict, Again) and verdict.refund
    return write_note(lease.attempt - refund, verdict.note)
