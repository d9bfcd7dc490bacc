"""Outcomes that wait to be settled, and how they are: fenced, in batches, until it worked."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django_convoy.contracts.broker import Recorder
from django_convoy.core.settling import Conclusion
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.outcome import Outcome
from django_convoy.signals import job_lost_lease
from django_convoy.worker.engine import Pair
from django_convoy.worker.outage import outage
from django_convoy.worker.spilled import recorded, settled

T = TypeVar("T")
logger = logging.getLogger("django_convoy.worker")


def settle(pair: Pair, conclusions: Sequence[Conclusion]) -> list[bool]:
    """Tell broker and store what became of jobs; return which leases were still held.

    In one transaction where they share a database. Elsewhere the record comes first, so that
    a death in between gives a second run and no lost result.
    Raises BrokerUnavailable.
    """
    if pair.spill is None:
        return _settle(pair, conclusions)
    held = _settle(pair, recorded(pair, conclusions))
    settled(pair, conclusions, held)
    return held


def record(pair: Pair, conclusion: Conclusion) -> None:
    """Keep the record of a job that was settled before it ran. Raises BrokerUnavailable."""
    (told,) = recorded(pair, [conclusion])
    if told.record is not None:
        pair.store.finished([told.record])
    settled(pair, [conclusion], [True])


def _settle(pair: Pair, conclusions: Sequence[Conclusion]) -> list[bool]:
    broker = pair.broker
    if pair.together and isinstance(broker, Recorder):
        return broker.settle_and_record(
            [(one.lease, one.verdict, one.record) for one in conclusions]
        )
    verdicts = [(one.lease, one.verdict) for one in conclusions]
    if not pair.together:
        records = [one.record for one in conclusions if one.record is not None]
        if records:
            pair.store.finished(records)
        return broker.settle(verdicts)

    def work() -> list[bool]:
        held = broker.settle(verdicts)
        pairs = zip(conclusions, held, strict=True)
        records = [one.record for one, ok in pairs if ok and one.record is not None]
        if records:
            pair.store.finished(records)
        return held

    return broker.together(work)


def insist(
    step: Callable[[], T],
    give_up: Callable[[], bool],
    what: str,
    cut_off: Callable[[str], None] = lambda why: None,
) -> T:
    """Repeat a step until the broker can be reached; say so once.

    give_up: asked before each further try. Raises BrokerUnavailable then. cut_off: told why it
    cannot be reached, and "" once it can.
    """
    pause = 0.1
    while True:
        try:
            done = step()
        except BrokerUnavailable as error:
            outage.failed("cut off while %s: %s; trying again", what, error)
            if pause == 0.1:
                cut_off(str(error) or repr(error))
            if give_up():
                raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spread
            pause = min(pause * 2, 5.0)
        else:
            if pause > 0.1:
                cut_off("")
            outage.worked()
            return done


@dataclass(slots=True)
class Entry:
    """One outcome. slot, serial: where it stands on the board."""

    slot: int
    serial: int
    conclusion: Conclusion
    outcome: Outcome


class Ledger:
    """The outcomes that one worker holds.

    settled: told, for each entry, whether its lease was still held. give_up: asked, while the
    broker cannot be reached, whether to wait no longer. newest: asked, for an entry that was
    refused, for the token of its lease. cut_off: told why the broker cannot be reached.
    """

    def __init__(
        self,
        pair: Pair,
        settled: Callable[[Entry, bool], None],
        give_up: Callable[[], bool],
        newest: Callable[[Entry], str],
        cut_off: Callable[[str], None],
    ) -> None:
        self._pair = pair
        self._settled = settled
        self._newest = newest
        self._cut_off = cut_off
        self.give_up = give_up
        self._entries: list[Entry] = []
        self._due = 0.0
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry, hold: float = 0.0) -> None:
        """Hold an outcome, at most so many seconds; 0 where it has no copy on the board."""
        with self._mutex:
            if not hold:
                self._due = 0.0
            elif not self._entries:
                self._due = time.monotonic() + hold
            self._entries.append(entry)

    def due_in(self) -> float:
        """Return the seconds until what is held has to be settled."""
        return max(0.0, self._due - time.monotonic())

    @property
    def is_due(self) -> bool:
        """Whether something has waited long enough."""
        return bool(self._entries) and time.monotonic() >= self._due

    def take(self) -> list[Entry]:
        """Return what is held, and hold it no more: the caller settles it."""
        with self._mutex:
            entries, self._entries = self._entries, []
        return entries

    def settle_with(self, step: Callable[[], T]) -> T | None:
        """Settle all that is held and take a step, in one transaction.

        Returns what the step returned; None where that is not to be had, and nothing was done.
        Whoever settles in one statement has nothing to gain from a transaction around two.
        """
        pair = self._pair
        if not self._entries or not pair.together or isinstance(pair.broker, Recorder):
            return None
        entries = self.take()
        conclusions = [entry.conclusion for entry in entries]
        try:
            done, came = self._pair.broker.together(
                lambda: (settle(self._pair, conclusions), step())
            )
        except BrokerUnavailable:
            with self._mutex:
                self._entries = entries + self._entries
            return None
        self.report(entries, done)
        return came

    def settle(self) -> None:
        """Settle all that is held."""
        entries = self.take()
        if entries:
            done = self._insist(entries)
            self.report(entries, done if all(done) else self._settle_renewed(entries, done))

    def _insist(self, entries: Sequence[Entry]) -> list[bool]:
        conclusions = [entry.conclusion for entry in entries]
        return insist(
            lambda: settle(self._pair, conclusions), self.give_up, "settling jobs", self._cut_off
        )

    def _settle_renewed(self, entries: Sequence[Entry], done: Sequence[bool]) -> list[bool]:
        """Settle what was refused once more, where a renewal has given it a new token."""
        renewed = []
        for entry, held in zip(entries, done, strict=True):
            lease = entry.conclusion.lease
            if not held and (token := self._newest(entry)) != lease.token:
                lease.token = token
                renewed.append(entry)
        again = iter(self._insist(renewed) if renewed else ())
        chosen = set(map(id, renewed))
        return [
            next(again) if id(entry) in chosen else held
            for entry, held in zip(entries, done, strict=True)
        ]

    def report(self, entries: Sequence[Entry], done: Sequence[bool]) -> None:
        """Pass on what a settle answered."""
        for entry, held in zip(entries, done, strict=True):
            self._settled(entry, held)


def lost(job_id: str) -> None:
    """Say that a run ended whose lease had gone to another worker."""
    logger.warning("job %s: its lease was lost while it ran; its outcome was not kept", job_id)
    job_lost_lease.send_robust(sender=None, job_id=job_id)
