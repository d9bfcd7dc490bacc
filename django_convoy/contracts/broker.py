"""Brokers move envelopes between ready, delayed, leased, buried and gone; policy is the core's."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar

from django_convoy.contracts.store import Record, Store
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.errors import LeaseLost
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.verdict import DONE, Verdict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs of one queue are in each state."""

    ready: int = 0
    delayed: int = 0
    leased: int = 0
    buried: int = 0


class Broker(ABC):
    """Stores and delivers jobs. Every verb takes a batch and is one atomic step.

    Any verb may raise BrokerUnavailable; then nothing is known of what it did.
    """

    capabilities: Capabilities
    """The class says what it can do at most; an instance may say less, by its options."""

    @abstractmethod
    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Store jobs: all of them or none, also when making one of them fails on the way.

        One whose id is there already is refused or left as it is, where `unique` is promised.
        Raises PayloadError for one that is larger than `max_body`.
        """

    def push_new(self, envelopes: Iterable[Envelope]) -> None:
        """Store jobs that nobody has pushed before, as `push` does; override it where it is quicker
        not to ask whether they are there. Whoever gets no answer may go on with `push`."""
        self.push(envelopes)

    @abstractmethod
    def claim(
        self,
        queues: Iterable[str],
        *,
        limit: int,
        lease: float,
        worker: str,
        wait: float = 0,
        may_suspect: Callable[[], bool] = lambda: True,
    ) -> list[Lease]:
        """Take up to `limit` ready jobs of the queues, in their order, for `lease` seconds.

        queues: iterated anew before each look, since they may change while a claim waits. Those
        that have an attribute `space`, unless it is None, are all queues of that namespace.
        Due and lapsed jobs count as ready. A job whose lease lapsed comes alone, with
        `note.suspect` set; if it was a suspect already, `note.crashes` is one more.
        may_suspect: asked before a suspect is claimed, where there is one. Its `give_back`, if
        it has one, is called when there was none after all, before the claim waits.
        wait: seconds to wait for the first one; returns early when there may be work.
        Returns leases by priority, then age. Each call makes a new token.
        """

    @abstractmethod
    def renew(self, leases: Sequence[Lease], *, lease: float) -> Sequence[Renewal | Renewed]:
        """Hold the jobs for `lease` seconds from now. Never blocks behind a settle.

        A server whose handles change answers `Renewed`; whoever settles reads the new token from
        the board when the old one is refused.
        """

    @abstractmethod
    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Say what becomes of held jobs. False: the lease was lost, nothing was changed."""

    @abstractmethod
    def counts(self, queue: str) -> Counts:
        """Return how many jobs of the queue there are."""

    @abstractmethod
    def purge(self, queue: str) -> int:
        """Remove all jobs of the queue that nobody holds; return how many."""

    def delete(self, queue: str) -> int:
        """Remove the queue on the server with all its jobs, leased ones too; return how many.

        Who holds one of them has lost its lease. Here: what `purge` removes.
        """
        return self.purge(queue)

    def together(self, work: Callable[[], T]) -> T:
        """Call `work`; the verbs in it commit together, where the broker can."""
        return work()

    def leasing(self) -> "Broker | None":
        """Return a broker of the same jobs that holds what it claims, None where there is none."""
        return self if self.capabilities.leases else None

    def next_due(self) -> float | None:
        """Return the seconds until a delayed job falls due, None when there is none."""
        return None

    def interrupt(self) -> None:
        """End a `claim` that waits in another thread or a signal handler."""

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Note when jobs that take long began, for whoever looks. May do nothing."""

    def close(self) -> None:
        """Give back connections and files. The broker may be used again."""


class Immediate(ABC):
    """Optional role: nothing waits in it. Whoever enqueues runs the job, there and then."""

    @abstractmethod
    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Return True for each: nobody else can have it."""


class Recorder(ABC):
    """Optional role: settles jobs and keeps their records in one step, for a store that writes
    to the broker's own database."""

    def records_for(self, store: Store) -> bool:
        """Return whether it can, for a store that writes to no database."""
        return False

    @abstractmethod
    def settle_and_record(
        self, settlements: Sequence[tuple[Lease, Verdict, Record | None]]
    ) -> list[bool]:
        """Like `Broker.settle`; the record of a job whose lease was lost is not kept."""

    def settle_last(self, lease: Lease, record: Record) -> None:
        """Settle one job that is over, as the last thing in the caller's transaction. May commit
        it as well, so that of an error only the store can tell whether it was before.

        Raises LeaseLost; then nothing is committed.
        """
        if not self.settle_and_record([(lease, DONE, record)])[0]:
            raise LeaseLost(lease.id)


@dataclass(slots=True)
class Held:
    """A job in a broker, as a browser sees it."""

    envelope: Envelope
    state: str
    attempt: int
    note: Note
    worker: str = ""
    started_at: datetime | None = None
    wake_at: datetime | None = None


class Reachable(ABC):
    """Optional role: a server that can be asked whether it is there."""

    @abstractmethod
    def ping(self) -> None:
        """Ask the server anything. Raises BrokerUnavailable."""

    @abstractmethod
    def info(self) -> str:
        """Return what the server is, and its version. Raises BrokerUnavailable."""

    def differences(self, queues: Sequence[str]) -> list[str]:
        """Return a sentence for each limit of these queues that the server was told otherwise
        than the options say: what is there already is not changed. Raises BrokerUnavailable."""
        return []


class Adopter(ABC):
    """Optional role: takes jobs over from another broker, with what is remembered of them."""

    @abstractmethod
    def adopt(self, jobs: Sequence[Held]) -> None:
        """Store jobs with their attempts and notes, all or none.

        One with a `wake_at` is delayed until then, one whose state is "buried" stays buried, any
        other is ready. What is there already, by its id, is left as it is.
        """


class Browsable(ABC):
    """Optional role: jobs can be listed, found and removed."""

    states: ClassVar[tuple[str, ...]] = ("ready", "delayed", "leased", "suspect", "buried")

    @abstractmethod
    def find(self, job_id: str) -> Held | None:
        """Return one live job, or None."""

    @abstractmethod
    def jobs(self, *, queue: str = "", state: str = "", limit: int = 100) -> Iterator[Held]:
        """Return live jobs, oldest first."""

    @abstractmethod
    def remove(self, job_id: str) -> Envelope | None:
        """Remove a job that nobody holds; return what was removed."""

    @abstractmethod
    def revive(self, job_id: str) -> bool:
        """Make a buried or delayed job ready now, with a clean note."""

    @abstractmethod
    def queues(self) -> Mapping[str, Counts]:
        """Return every queue that has jobs, by its full name."""

    @abstractmethod
    def ready_queues(self) -> list[str]:
        """Return the names of the queues that have work now; cheap."""
