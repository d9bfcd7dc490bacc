"""A worker's desk: the jobs it holds, from claim to settle."""

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from django_convoy.core.execution import Guard, Run, prepare
from django_convoy.core.pace import Pace
from django_convoy.core.retry import crash_pause
from django_convoy.core.settling import conclude
from django_convoy.domain import clock
from django_convoy.domain.envelope import Lease
from django_convoy.domain.options import AT_MOST_ONCE
from django_convoy.domain.outcome import Interrupted, Outcome, Released, Succeeded
from django_convoy.outbox.spill import is_spilled
from django_convoy.worker import cutoff
from django_convoy.worker.board import Region
from django_convoy.worker.delivery import Delivered, deliver
from django_convoy.worker.ending import leave
from django_convoy.worker.engine import Engine
from django_convoy.worker.layout import (
    ATOMIC,
    BROKEN,
    ENDED,
    KILL_ON_STOP,
    LEASE_ROOM,
    SETTLED,
    SLOTS,
)
from django_convoy.worker.ledger import Entry, Ledger, lost
from django_convoy.worker.parcel import pack_lease, pack_outcome
from django_convoy.worker.plan import Plan
from django_convoy.worker.probation import Probation
from django_convoy.worker.telling import tell

logger = logging.getLogger("django_convoy.worker")
LAST_SECONDS = 0.5
"""What a body that is about to end gets when its process cannot go on: it then ends that itself,
with its outcome on the board."""
INTACT_SECONDS = 0.05
"""For so long descriptors that were found open count as open. Less than the steward's
`SLOW_SECONDS`: from who runs one quick job after another it takes nothing back."""
LOOK_SECONDS = 0.15
"""How soon the steward has to look at a board with claimed jobs."""


@dataclass(slots=True)
class Paper:
    """A held job and its slot on the board."""

    slot: int
    serial: int
    lease: Lease
    claimed: float
    shared: bool
    """Whether it may have to wait for others, so that the steward may take it back."""
    ahead: Run | None = None
    """What was prepared when it was claimed."""


class Desk:
    """What one worker process does with the jobs that it claimed.

    One thread holds and settles; bodies may run in others, through `run`.
    poke_supervisor: wakes it for a deadline. poke_steward: asks it to look at the board.
    """

    def __init__(
        self,
        engine: Engine,
        region: Region,
        plan: Plan,
        poke_supervisor: Callable[[], None],
        poke_steward: Callable[[], None],
        give_up: Callable[[], bool],
    ) -> None:
        self.engine = engine
        self.pace = Pace()
        self.ledger = Ledger(engine.own, self._settled, give_up, self._newest, self.cut_off)
        self.jobs = 0
        self.may_suspect = Probation(region.board, region.index)
        self._region = region
        self._board = region.board
        self._plan = plan
        self._poke_supervisor = poke_supervisor
        self._poke_steward = poke_steward
        longest = engine.own.broker.capabilities.longest_lease
        self._longest = None if longest is None else longest.total_seconds()
        # Where others run at the same time, the steward may take back what was claimed alone, too.
        self._beside = bool(plan.threads or plan.concurrency)
        self._free = list(range(SLOTS - 1, -1, -1))
        self._locked = False
        """Whether slots may have locks from earlier jobs, which would keep the steward away."""
        self._pid = os.getpid()
        self._intact_until = 0.0

    def room(self) -> int:
        """Return how many more jobs the board has room for."""
        return len(self._free)

    def hold(self, leases: Sequence[Lease]) -> list[Paper]:
        """Put claimed jobs on the board."""
        self.may_suspect.claimed(leases)
        now, shared = time.monotonic(), self._beside or len(leases) > 1
        papers = []
        alone = len(self._free) == SLOTS
        if alone and self._locked:
            self._board.unlock(self._region.index, 0, SLOTS)
            self._locked = False
        for lease in leases:
            slot = self._free.pop()
            if self._locked:  # others run, whose locks stay
                self._board.unlock(self._region.index, slot)
            serial = self._region.hold(slot, pack_lease(lease, LEASE_ROOM), now)
            ahead = self._ahead(lease) if shared else None
            papers.append(Paper(slot, serial, lease, now, shared, ahead))
        if self._board.steward_wakes() > now + LOOK_SECONDS:
            self._poke_steward()
        return papers

    def _ahead(self, lease: Lease) -> Run | None:
        """Prepare what asks nobody: done for many in a row it is three times as quick."""
        if not self.engine.codec.is_inert(lease.envelope):
            return None
        prepared = prepare(lease, self.engine.codec, self.engine.find)
        return prepared if isinstance(prepared, Run) and not prepared.options.expires else None

    def take(self, paper: Paper) -> bool:
        """Agree with the steward that this worker starts the job; False: it took it back."""
        if not paper.shared:
            return True
        region, self._locked = self._region, True
        while not self._board.lock(region.index, paper.slot):
            if not self._board.is_intact():
                self.leave("file descriptors of this worker were closed")
            time.sleep(0.0005)  # the steward holds it for as long as it takes to write a mark
        if not region.recalled(paper.slot, paper.serial):
            return True
        # In case it died before it told the broker.
        self._close(paper, Released("", 0.0), self.pace.hold)
        return False

    def give_back(self, papers: Sequence[Paper]) -> None:
        """Return jobs that were not started; it costs them no attempt."""
        for paper in papers:
            if self.take(paper):
                self._close(paper, Released("", 0.0))
        self.ledger.settle()

    def asks(self, paper: Paper) -> bool:
        """Return whether opening a job may ask a database: never on an event loop."""
        envelope = paper.lease.envelope
        return paper.ahead is None and (
            is_spilled(envelope) or not self.engine.codec.is_inert(envelope)
        )

    def open(self, paper: Paper) -> Run | None:
        """Prepare a job. None: it came to its outcome without being called."""
        prepared = paper.ahead or prepare(paper.lease, self.engine.opener, self.engine.find)
        if not isinstance(prepared, Run):
            self._close(paper, prepared)
            tell(paper.lease, prepared)
            return None
        timeout = self._plan.timeout
        if timeout is not None and prepared.options.timeout is None:
            prepared.options = replace(prepared.options, timeout=timeout)
        return prepared

    def is_quick(self, run: Run) -> bool:
        """Return whether outcomes may be held while this runs."""
        options = run.options
        return (
            self.pace.quick(run.lease.envelope.task)
            and options.timeout is None
            and not (options.atomic or options.kill_on_stop)
            and options.delivery != AT_MOST_ONCE
        )

    def begin(self, paper: Paper, run: Run) -> float:
        """Write on the board that the body is about to be called; return when that was."""
        options, began = run.options, time.monotonic()
        deadline = 0.0
        if options.timeout is not None:
            deadline = began + options.timeout + options.grace
        flags = KILL_ON_STOP if options.kill_on_stop else 0
        if options.delivery == AT_MOST_ONCE:
            flags |= SETTLED
        elif self._longest is not None:  # then another would get it, while it still ran here
            deadline = min(deadline or math.inf, paper.claimed + self._longest)
        if options.atomic:
            flags |= ATOMIC
        self._region.start(paper.slot, began, deadline, flags)
        if flags & SETTLED:  # at once, before it runs, and not by the ledger
            paper.lease.token = self._token(paper.slot, paper.serial) or paper.lease.token
        if deadline and deadline < self._board.supervisor_wakes():
            self._poke_supervisor()
        return began

    def run(self, paper: Paper, run: Run, guard: Guard) -> None:
        """Run a job, in any thread, and put its outcome into the ledger."""
        began = self.begin(paper, run)
        delivered = deliver(self.engine, run, guard, self.ledger.give_up)
        self.finish(paper, run, delivered, began)

    def finish(self, paper: Paper, run: Run, delivered: Delivered | None, began: float) -> None:
        """Put what a run came to into the ledger, and tidy up behind the task."""
        if os.getpid() != self._pid:
            os._exit(0)  # the body forked and this is the child: it must not go on as us
        now = time.monotonic()
        self.pace.ran(run.lease.envelope.task, now - began)
        if delivered is None or not delivered.settle:
            if run.lease.note.suspect:
                self.may_suspect.over()
            self._clear(paper.slot)
            self._leave_if_broken(paper, now, kept=True)
        else:
            outcome, packed = delivered.outcome, None
            if isinstance(outcome, Succeeded) and run.started_at is not None:
                packed = pack_outcome(
                    outcome, run.started_at, clock.now(), run.options.keep, self.engine.worker
                )
            kept = self._region.end(paper.slot, packed)
            self._leave_if_broken(paper, now, kept=kept)
            entry = Entry(paper.slot, paper.serial, delivered.conclusion, outcome)
            self.ledger.add(entry, self.pace.hold if kept else 0.0)
        if delivered is not None and not isinstance(delivered.outcome, Succeeded):
            tell(run.lease, delivered.outcome)
        self.jobs += 1
        try:
            self.engine.after_job()
        except Exception:
            logger.exception("tidying up after job %s failed", run.lease.id)

    def _leave_if_broken(self, paper: Paper, now: float, *, kept: bool) -> None:
        """End this process at once if a task closed its descriptors: no connection is left that
        answers, and some would be waited for. The steward settles what stands on the board."""
        if now < self._intact_until and not self._beside:
            return
        if self._board.is_intact():
            self._intact_until = now + INTACT_SECONDS
            return
        logger.error(
            "job %s (%s) ran while file descriptors of its worker were closed, by it or by "
            "another: the worker leaves, and is replaced",
            paper.lease.id,
            paper.lease.envelope.task,
        )
        self._region.doom(BROKEN, -1 if kept else paper.slot)
        leave(1)

    def cut_off(self, why: str) -> None:
        """Say on the board that the broker is out of reach; an empty text: it is not."""
        if why:
            cutoff.begin(self._region, why)
        else:
            cutoff.end(self._region)

    def look_at_descriptors(self, error: Exception) -> None:
        """After an error: end this process if a task beside closed its descriptors."""
        if not self._board.is_intact():
            self.leave(f"file descriptors of this worker were closed ({error!r})")

    def leave(self, why: str) -> NoReturn:
        """End this process."""
        time.sleep(LAST_SECONDS)
        logger.error("%s: the worker leaves, and is replaced", why)
        leave(1)

    def abandon(self, paper: Paper, error: BaseException) -> None:
        """Put a job back that we, not its body, failed with; it counts as a crash of ours."""
        if (slot := self._region.read(paper.slot)) is None or slot.serial != paper.serial:
            return
        if slot.state != ENDED:
            reason = f"the worker failed with it: {error!r}"
            pause = crash_pause(paper.lease.note.crashes + 1)
            self._close(paper, Interrupted(reason, pause, crash=True))

    def _close(self, paper: Paper, outcome: Outcome, hold: float = 0.0) -> None:
        conclusion = conclude(
            paper.lease,
            outcome,
            worker=self.engine.worker,
            started_at=None,
            finished_at=clock.now(),
            durable=self.engine.own.store.durable,
        )
        self.ledger.add(Entry(paper.slot, paper.serial, conclusion, outcome), hold)

    def _settled(self, entry: Entry, held: bool) -> None:
        # Where the lease is gone because the steward settled it for us, all is well.
        if not held and not self._region.recalled(entry.slot, entry.serial):
            lost(entry.conclusion.lease.id)
        if entry.conclusion.lease.note.suspect:
            self.may_suspect.over()
        self._clear(entry.slot)

    def _newest(self, entry: Entry) -> str:
        return self._token(entry.slot, entry.serial) or entry.conclusion.lease.token

    def _token(self, slot: int, serial: int) -> str:
        """Return the token that a renewal gave; waits while one is under way."""
        handle = self._region.handle(slot)
        end = time.monotonic() + self._plan.lease / 6  # no renewal takes longer
        while handle.is_changing and time.monotonic() < end:
            time.sleep(0.001)
        return handle.token(serial)

    def _clear(self, slot: int) -> None:
        self._region.clear(slot)  # its lock is given back when it is used again
        self._free.append(slot)

    def report(self) -> None:
        """Write on the board how many jobs were run."""
        self._region.count(self.jobs)
