"""What a worker writes on the board whose broker is out of reach: it can tell nobody else."""

import struct
import time
from dataclasses import dataclass

from django_convoy.worker.board import LIVE, Board, Region

_AT = 128
"""The place in a region's header."""
_HEAD = struct.Struct("<dH")
ROOM = 400


@dataclass(frozen=True, slots=True)
class CutOff:
    """since: monotonic. why: what the broker's client said."""

    since: float
    why: str


def begin(region: Region, why: str) -> None:
    """Say that the broker cannot be reached from now on."""
    memory, base = region.header
    text = " ".join(why.split()).encode()[:ROOM]
    start = base + _AT + _HEAD.size
    memory[start : start + len(text)] = text
    _HEAD.pack_into(memory, base + _AT, time.monotonic(), len(text))


def end(region: Region) -> None:
    """Say that it can."""
    memory, base = region.header
    _HEAD.pack_into(memory, base + _AT, 0.0, 0)


def first(board: Board) -> CutOff | None:
    """Return what the worker says that has been cut off for the longest time, None if none is."""
    found = [one for region in board.regions(LIVE) if (one := _read(region)) is not None]
    return min(found, key=lambda one: one.since, default=None)


def _read(region: Region) -> CutOff | None:
    memory, base = region.header
    since, length = _HEAD.unpack_from(memory, base + _AT)
    if not since:
        return None
    start = base + _AT + _HEAD.size
    return CutOff(since, memory[start : start + min(length, ROOM)].decode(errors="replace"))
