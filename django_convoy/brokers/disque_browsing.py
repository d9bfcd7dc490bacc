"""Looking at the jobs of a node: all of them are gone through, for nothing but ids finds one."""

import heapq
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django_convoy.brokers import wire
from django_convoy.brokers.disque_jobs import Shown, each, now, scan, text
from django_convoy.brokers.disque_nodes import Nodes
from django_convoy.brokers.messages import BURIED, SUSPECTS, Added, split
from django_convoy.contracts.broker import Browsable, Counts, Held
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import PayloadError

PLACES = ("", SUSPECTS, BURIED)


class Browsing(Browsable):
    """The role `Browsable` of the broker on Disque."""

    _nodes: Nodes
    _ack: str

    def find(self, job_id: str) -> Held | None:
        """Return one live job, or None."""
        found = self._find(job_id)
        return None if found is None else found[1]

    def jobs(self, *, queue: str = "", state: str = "", limit: int = 100) -> Iterator[Held]:
        """Return live jobs, oldest first."""
        moment = now(self._nodes)
        places = [("QUEUE", queue + kind) for kind in PLACES] if queue else [()]
        found = (
            (one.created, one.id, held)
            for wanted in places
            for one in scan(self._nodes, *wanted)
            if (held := _held(one, moment)) is not None and state in ("", held.state)
        )
        return (held for _, _, held in heapq.nsmallest(limit, found, key=lambda one: one[:2]))

    def remove(self, job_id: str) -> Envelope | None:
        """Remove a job that nobody holds; return what was removed."""
        found = self._find(job_id)
        if found is None or found[1].state == "leased" or not self._remove([found[0]])[0]:
            return None
        return found[1].envelope

    def revive(self, job_id: str) -> bool:
        """Make a buried or delayed job ready now, with a clean note: add it anew."""
        found = self._find(job_id)
        if found is None or found[1].state not in ("buried", "delayed"):
            return False
        envelope = found[1].envelope
        self._add(envelope.queue, [Added(wire.pack(envelope))])
        return self._remove([found[0]])[0]

    def queues(self) -> dict[str, Counts]:
        """Return every queue that has jobs, by its full name."""
        moment = now(self._nodes)
        numbers: dict[str, dict[str, int]] = {}
        for one in scan(self._nodes):
            name, kind = split(one.place)
            state = _state(one, kind, moment).replace("suspect", "ready")
            counted = numbers.setdefault(name, {})
            counted[state] = counted.get(state, 0) + 1
        return {name: Counts(**counted) for name, counted in sorted(numbers.items())}

    def ready_queues(self) -> list[str]:
        """Return the names of the queues that have work now; cheap."""
        places = map(split, self._names(1))
        return sorted({name for name, kind in places if kind != BURIED})

    def _names(self, least: int) -> list[str]:
        """Return the server's queues with so many queued jobs."""
        names: list[str] = []
        cursor = "0"
        while True:
            cursor, found = self._nodes.ask("QSCAN", cursor, "COUNT", 1000, "MINLEN", least)
            names += map(text, found)
            cursor = text(cursor)
            if cursor == "0":
                return names

    def _lapsed(self) -> list[str]:
        """Return in words which queues have jobs that were delivered again."""
        lapses: dict[str, list[int]] = {}
        for one in scan(self._nodes):
            if one.lapses:
                lapses.setdefault(one.place, []).append(one.lapses)
        return [
            f"{place}: additional deliveries: {sum(found)}, of {len(found)} jobs"
            for place, found in sorted(lapses.items())
        ]

    @abstractmethod
    def _add(self, place: str, added: Sequence[Added]) -> None:
        """Add messages."""

    def _find(self, job_id: str) -> tuple[Shown, Held] | None:
        moment = now(self._nodes)
        needle = job_id.encode()
        for one in scan(self._nodes):
            if needle in one.body:
                held = _held(one, moment)
                if held is not None and held.envelope.id == job_id:
                    return one, held
        return None

    def _remove(self, jobs: list[Shown]) -> list[bool]:
        """Remove jobs that nobody holds; what is queued is taken out first, so that nobody takes
        it meanwhile."""
        queued = [one.id for one in jobs if one.queued]
        taken = dict(zip(queued, each(self._nodes, "DEQUEUE", queued), strict=True))
        free = [one.id for one in jobs if taken.get(one.id, True)]
        done = dict(zip(free, each(self._nodes, self._ack, free), strict=True))
        return [done.get(one.id, False) for one in jobs]


def _state(one: Shown, kind: str, moment: float) -> str:
    if one.queued:
        if kind == BURIED:
            return "buried"
        return "suspect" if kind or one.lapses else "ready"
    return "delayed" if one.is_delayed(moment) else "leased"


def _held(one: Shown, moment: float) -> Held | None:
    """Return a job as a browser sees it, None for what is none of ours."""
    try:
        envelope, attempt, note = wire.unpack(one.body)
    except PayloadError:
        return None
    name, kind = split(one.place)
    if envelope.queue != name:
        return None
    state = _state(one, kind, moment)
    # What lapsed is charged when it is claimed; until then only the server's count tells.
    charged = one.lapses if one.queued else int(state == "leased")
    held = Held(envelope, state, attempt + charged, note)
    if state == "delayed":
        due = datetime.fromtimestamp(one.created, UTC) + timedelta(seconds=one.delay)
        held.wake_at = envelope.due if envelope.due and not attempt else due
    return held
