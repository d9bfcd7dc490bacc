"""The way of jobs from one broker to another.

A ready job is leased in the source, pushed to the target, and then over in the source. Whoever is
killed in between leaves a lease that lapses: its job comes back as one that may have been moved,
and is looked for in the target before it is pushed again. A target that cannot be asked has a
ledger: what may have been sent there stays in the source, and is named.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django_convoy.contracts.broker import Adopter, Browsable, Counts, Held
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.domain.errors import (
    BrokerUnavailable,
    ConfigurationError,
    ConvoyError,
    PayloadError,
)
from django_convoy.domain.verdict import DONE, Again
from django_convoy.moving.fit import Fit, Unfit
from django_convoy.moving.ledger import open_ledger
from django_convoy.moving.moved import Moved
from django_convoy.outbox.spill import hand_over, is_spilled
from django_convoy.outbox.table import PARKED, Table
from django_convoy.runtime import Runtime

SOON = timedelta(seconds=5)
"""What falls due so soon is left until it is due: a worker must not take it from under us."""
PAUSE = 0.2
"""Seconds between two looks at what others hold, and at what falls due in a moment."""
APART = 60.0
"""Seconds for which a job that cannot be moved is put off, out of our way."""
PUT_OFF = "it could not be moved to another backend"


class Mover:
    """Moves the jobs of one queue after the other. Any number may run at once.

    resend: whether jobs are pushed again that one who was killed may have sent to a target that
    cannot be asked.
    """

    def __init__(
        self, source: Runtime, target: Runtime, *, batch: int, name: str, resend: bool = False
    ) -> None:
        self._source = source
        self._target = target
        self._pairs = source.private(), target.private()
        claims, self._to = (pair.broker for pair in self._pairs)
        leasing = claims.leasing()
        if leasing is None:
            raise ConfigurationError(
                f"{type(claims).__name__} forgets a job when it is claimed, so that a move which "
                "ends half-way would lose jobs: have workers of it run what is left"
            )
        self._from = leasing
        self._resend = resend
        self._ledger = open_ledger(source, target, self._pairs[1], needed=not resend)
        self._batch = batch
        self._lease = source.options.lease
        self._patience = 2 * self._lease + SOON.total_seconds() + 1
        self._name = name
        self._fit = Fit(source, target)
        self._left: set[str] = set()
        self.moved = Moved()

    def check(self, queue: str = "") -> list[str]:
        """Return the queues that are to be moved. Raises ConfigurationError."""
        self._fit.check_places()
        queues = [queue] if queue else self._fit.queues()
        for one in queues:
            self._fit.check(one)
        return queues

    def run(self, queue: str) -> Iterator[int]:
        """Move all there is in a queue; yields how many it has moved so far, now and then."""
        full = self._source.full_name(queue)
        before = known = len(self._left)
        patience = time.monotonic() + self._patience
        while True:
            count = self._outbox(full) + self._ready(full) + self._aside(full)
            if count or len(self._left) > known:
                known = len(self._left)
                self.moved.count += count
                yield self.moved.count
                patience = time.monotonic() + self._patience
                continue
            counts = self._from.counts(full)
            comes = counts.leased or self._comes_soon(full, counts)
            if not comes or time.monotonic() > patience:
                self.moved.held += counts.leased
                self.moved.count_unseen(self._from, counts, known - before)
                if self._ledger is not None and counts == Counts():
                    self._ledger.clear(full)
                return
            time.sleep(PAUSE)

    def close(self) -> None:
        """Give back connections."""
        self._from.close()
        for pair in self._pairs:
            pair.close()
        if self._ledger is not None:
            self._ledger.close()

    # What is ready

    def _ready(self, queue: str) -> int:
        leases = self._from.claim([queue], limit=self._batch, lease=self._lease, worker=self._name)
        if not leases:
            return 0
        fitted: list[tuple[Lease, Held]] = []
        begun, row = False, ""
        try:
            for lease in leases:
                # Our own claim is no attempt.
                job = Held(lease.envelope, "ready", lease.attempt - 1, lease.note)
                if (found := self._fitted(job)) is not None:
                    fitted.append((lease, found))
            row, sent = self._write_down(queue, [job for _, job in fitted])
            fitted = [(lease, job) for lease, job in fitted if not self._is_left(job, sent)]
            new = [
                job
                for lease, job in fitted
                if not (self._may_be_there(job, sent, _is_doubtful(lease)) and self._is_known(job))
            ]
            begun = True
            given = self._give(new)
        except BaseException:
            if not begun:  # else nobody knows what is there: the leases lapse
                with contextlib.suppress(ConvoyError):
                    self._strike(row)
                    self._release(leases, 0.0)
            raise
        refused = {job.envelope.id for job in new} - given
        over = [lease for lease, job in fitted if lease.id not in refused]
        kept = [lease for lease in leases if lease not in over]
        if kept:
            self._release(kept, APART)
        answers = self._from.settle([(lease, DONE) for lease in over])
        for lease, held in zip(over, answers, strict=True):
            if not held:
                self._take_back(lease.id)
            else:
                self._forget(lease.envelope)
        self._strike(row)
        return sum(answers)

    def _release(self, leases: Sequence[Lease], seconds: float) -> None:
        waiting = PUT_OFF if seconds else ""
        notes = [replace(one.note, waiting=waiting or one.note.waiting) for one in leases]
        self._from.settle(
            [(one, Again(seconds, True, note)) for one, note in zip(leases, notes, strict=True)]
        )

    def _take_back(self, job_id: str) -> None:
        """Somebody else has the job in the source: it must not run in the target as well."""
        view = self._target.shared.view
        if view is None or view.remove(job_id) is None:
            self._leave(job_id, "its lease was lost while it was moved: it may run in both")

    def _forget(self, envelope: Envelope) -> None:
        """What has left the source takes its payload along."""
        spill = self._source.shared.spill
        if spill is not None and is_spilled(envelope):
            spill.delete([envelope.id])

    # What cannot be claimed

    def _aside(self, queue: str) -> int:
        """Move what is delayed and buried, where the source can list it: it is pushed first, and
        removed then; nobody takes it in between, because it is not due."""
        if not isinstance(self._from, Browsable):
            return 0
        count = 0
        for state in ("delayed", "buried"):
            limit = self._batch + len(self._left)
            jobs = list(self._from.jobs(queue=queue, state=state, limit=limit))
            latest = clock.now() + SOON
            chosen = [
                found
                for job in jobs
                if job.envelope.id not in self._left
                and (job.wake_at is None or job.wake_at > latest)
                and (found := self._fitted(job)) is not None
            ]
            row, sent = self._write_down(queue, chosen)
            chosen = [job for job in chosen if not self._is_left(job, sent)]
            # It may be there since we, or others, were killed between push and remove.
            new = [
                job
                for job in chosen
                if not (self._may_be_there(job, sent, True) and self._is_known(job))
            ]
            refused = {job.envelope.id for job in new} - self._give(new)
            for job in chosen:
                job_id = job.envelope.id
                if job_id in refused:
                    continue
                if (removed := self._from.remove(job_id)) is None:
                    self._take_back(job_id)
                else:
                    self._forget(removed)
                    count += 1
            self._strike(row)
        return count

    def _comes_soon(self, queue: str, counts: Counts) -> bool:
        """Return whether something falls due in a moment, is being sent to the source, or is there
        and was not handed out."""
        table = self._source.shared.outbox
        if table is not None and table.exists():
            rows = table.jobs(queue=queue, limit=1 + len(self._left))
            if any(row.envelope.id not in self._left for row in rows):
                return True
        if not isinstance(self._from, Browsable):
            return self._from.capabilities.inventory and counts.ready > 0
        limit = 1 + len(self._left)
        latest = clock.now() + SOON
        return any(
            job.envelope.id not in self._left and job.wake_at is not None and job.wake_at <= latest
            for job in self._from.jobs(queue=queue, state="delayed", limit=limit)
        )

    # What is in the source's outbox

    def _outbox(self, queue: str) -> int:
        table = self._source.shared.outbox
        if table is None or not table.exists():
            return 0
        count = 0
        for row in table.jobs(queue=queue, limit=self._batch + len(self._left)):
            job_id = row.envelope.id
            if job_id in self._left or (job := self._fitted(row)) is None:
                continue
            if row.state != PARKED and self._is_in_source(job_id):
                table.remove(job_id)  # who sent it there died before saying so
                continue
            count += self._move_row(table, queue, job)
        return count

    def _is_in_source(self, job_id: str) -> bool:
        return isinstance(self._from, Browsable) and self._from.find(job_id) is not None

    def _move_row(self, table: Table, queue: str, job: Held) -> bool:
        """Move a row that nobody is sending: in one transaction where that is to be had."""
        there, alias = self._target.shared.outbox, table.session.alias
        job_id = job.envelope.id

        def swap(put: Callable[[], None]) -> bool:
            if table.remove(job_id) is None:
                return False
            put()
            return True

        job = replace(job, state="", wake_at=job.envelope.due)
        broker = self._target.shared.broker
        if isinstance(broker, Adopter) and broker.capabilities.transactional == alias:
            adopt = broker.adopt
            return table.session.together(lambda: swap(lambda: adopt([job])))
        if there is not None and there.session.alias == alias and there.exists():
            at = clock.now() if not self._fit.is_far(job) else self._sent_at(job)
            return table.session.together(lambda: swap(lambda: there.park([(job, at)])))
        note, sent = self._write_down(queue, [job])
        row = None if self._is_left(job, sent) else table.take_one(job_id)
        gone = row is not None and (
            (self._may_be_there(job, sent, row.state != PARKED) and self._is_known(job))
            or bool(self._give([job]))
        )
        if gone:
            table.delete([job_id])
        self._strike(note)
        return gone

    def _sent_at(self, job: Held) -> datetime:
        return (job.wake_at or clock.now()) - self._fit.near()

    # What may have been sent before

    def _write_down(self, queue: str, jobs: Sequence[Held]) -> tuple[str, set[str]]:
        """Write a batch into the ledger; return its row, and what others may have sent."""
        if self._ledger is None or not jobs:
            return "", set()
        row = self._ledger.write(queue, [one.envelope.id for one in jobs])
        return row, self._ledger.others(queue, row)

    def _strike(self, row: str) -> None:
        if self._ledger is not None and row:
            self._ledger.strike(row)

    def _may_be_there(self, job: Held, sent: set[str], doubtful: bool) -> bool:
        return doubtful if self._ledger is None else job.envelope.id in sent

    def _is_left(self, job: Held, sent: set[str]) -> bool:
        """Return whether a job stays because nobody knows whether it was sent; it is named then."""
        job_id = job.envelope.id
        if self._resend or job_id not in sent or self._is_known(job):
            return False
        self._leave(
            job_id,
            f"they may have been sent to {self._target.alias!r} by a move that was killed, and "
            "nobody can ask there: cancel them, or send them once more with --resend",
        )
        return True

    # The target

    def _fitted(self, job: Held) -> Held | None:
        if job.note.waiting == PUT_OFF:  # by us: it is no delay of its own
            job = replace(job, note=replace(job.note, waiting=""), wake_at=None)
        try:
            spill = self._source.shared.spill
            if spill is not None:
                job = replace(job, envelope=spill.whole(job.envelope))
            found = self._fit.fitted(job)
        except (Unfit, PayloadError) as error:
            self._leave(job.envelope.id, str(error))
            return None
        return found

    def _leave(self, job_id: str, why: str) -> None:
        self._left.add(job_id)
        self.moved.left.setdefault(why, set()).add(job_id)

    def _is_known(self, job: Held) -> bool:
        job_id, pair = job.envelope.id, self._target.shared
        if pair.view is not None and pair.view.find(job_id) is not None:
            return True
        if job.state == "buried":
            return False  # it has failed, and may have a record that says so
        return pair.store.get(job_id) is not None

    def _give(self, jobs: Sequence[Held]) -> set[str]:
        """Put jobs into the target; return the ids of those that it took."""
        try:
            self._put(jobs)
            given = list(jobs)
        except BrokerUnavailable:
            raise
        except ConvoyError:
            given = [one for one in jobs if self._put_one(one)]
        for one in given:
            if word := self._fit.forgets(one):
                self.moved.forgotten[word] = self.moved.forgotten.get(word, 0) + 1
        return {one.envelope.id for one in given}

    def _put_one(self, job: Held) -> bool:
        try:
            self._put([job])
        except BrokerUnavailable:
            raise
        except ConvoyError as error:
            self._leave(job.envelope.id, str(error))
            return False
        return True

    def _put(self, jobs: Sequence[Held]) -> None:
        remembered = [one for one in jobs if self._is_remembered(one)]
        known = {one.envelope.id for one in remembered}
        plain = [
            replace(one.envelope, due=one.wake_at or one.envelope.due)
            for one in jobs
            if one.envelope.id not in known
        ]
        outbox = self._target.shared.outbox
        far = [one for one in remembered if self._fit.is_far(one)]
        near = [one for one in remembered if not self._fit.is_far(one)]
        if plain:
            self._target.intake.push(plain)
        if near and isinstance(self._to, Adopter):
            hand_over(self._to, self._target.shared.spill, near)
        if far:
            if outbox is None or not outbox.exists():
                raise ConfigurationError("there is no outbox in which it could wait")
            outbox.park([(one, self._sent_at(one)) for one in far])

    def _is_remembered(self, job: Held) -> bool:
        told = job.attempt or job.note != NO_NOTE or job.state == "buried"
        return bool(told) and isinstance(self._to, Adopter)


def _is_doubtful(lease: Lease) -> bool:
    """Return whether the job may have been pushed by one who was killed."""
    return lease.attempt > 1 or lease.note.suspect
