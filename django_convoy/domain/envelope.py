"""What a broker sees of a job, and what a worker holds of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Envelope:
    """One enqueued job, as a broker stores it.

    queue: the full name, with the namespace in front.
    payload: text; JSON that can be read as it is, else base64.
    seal: version, serializer, flags and signature; see `core.codec`.
    due: not before this time, aware; None for now.
    """

    id: str
    queue: str
    task: str
    payload: str
    seal: str
    key_id: str
    priority: int
    enqueued_at: datetime
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What is remembered of earlier runs of a job.

    errors: of the runs that raised, oldest first, as plain dicts (see `domain.outcome.Error`).
    workers: the ids of the workers that ran it before this claim.
    failures: how many runs counted against `retries`.
    crashes: how many times it is known to have taken its worker down.
    suspect: it was held by something that died whole; it is run alone now.
    ended: how the last run ended, in words.
    waiting: why it is not being run, in words.
    releases: how often it was handed back since it last ran.
    """

    errors: tuple[dict[str, Any], ...] = ()
    workers: tuple[str, ...] = ()
    failures: int = 0
    crashes: int = 0
    suspect: bool = False
    ended: str = ""
    waiting: str = ""
    releases: int = 0
    started_at: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields that say something."""
        if self is NO_NOTE:
            return {}
        pairs = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: value for name, value in pairs if value}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Note":
        """Return the note; fields of a newer release are dropped.

        Raises ValueError, TypeError or AttributeError for what `to_json` never made.
        """
        if not data:
            return NO_NOTE
        given = {name: value for name, value in data.items() if name in cls.__slots__}
        for name in ("errors", "workers"):
            given[name] = tuple(given.get(name, ()))
        note = cls(**given)
        for name in cls.__slots__:
            if type(getattr(note, name)) is not type(getattr(NO_NOTE, name)):
                raise ValueError(f"{name} of a note is {getattr(note, name)!r}")
        if not all(isinstance(one, dict) for one in note.errors):
            raise ValueError("errors of a note are no dicts")
        return note


NO_NOTE = Note()
"""Of a job that never ran, which is nearly every job."""


@dataclass(slots=True)
class Lease:
    """The right to run one job until it is settled or lapses.

    token: names this claim; every later verb carries it.
    attempt: runs that may have started, this one included.
    """

    envelope: Envelope
    token: str
    attempt: int
    note: Note

    @property
    def id(self) -> str:
        """The job's id."""
        return self.envelope.id
