"""Taking jobs over from another broker, to a Redis server."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from django_convoy.brokers import wire
from django_convoy.brokers.redis_jobs import write_body, write_note
from django_convoy.brokers.redis_queues import RedisQueues
from django_convoy.clients.redis_link import Link, Value
from django_convoy.clients.redis_scripts import script
from django_convoy.contracts.broker import Adopter, Held

PUT = script("common", "put")


class RedisAdopting(Adopter):
    """The role `Adopter`."""

    _link: Link
    _queues: RedisQueues

    @abstractmethod
    def _tell(self, queues: Iterable[str]) -> None:
        """Wake who waits for work in these queues."""

    def adopt(self, jobs: Sequence[Held]) -> None:
        """Put what is not there yet, with its attempts and its note."""
        calls: dict[str, list[Value]] = {}
        for job in jobs:
            one = job.envelope
            args = calls.setdefault(one.queue, [one.queue])
            args += (one.id, _place(job), write_note(job.attempt, job.note), write_body(one))
        for queue in calls:
            self._queues.register(queue)
        if calls:
            self._queues.absorb(calls)
            given = [(self._queues.keys(queue), *args) for queue, args in calls.items()]
            self._link.atomically(PUT, given)
        self._tell(calls)


def _place(job: Held) -> str:
    if job.state == "buried":
        return "b"
    at = job.wake_at or job.envelope.due
    return "r" if at is None else f"@{wire.micros(at)}"
