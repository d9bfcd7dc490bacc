"""The newest token of a held job, where a renewal changes it.

It stands in the job's slot beside the lease that the worker wrote, and is the steward's alone to
write. Its number is odd from before the broker is asked until the answer is written: whoever is
refused meanwhile waits for that, since the token in hand may be a moment too old. A steward that
dies in between leaves an odd number, and what stood there before.
"""

import mmap
import struct

ROOM = 256
"""Bytes of a slot; a longer token is not kept, and its lease is lost."""
_HEAD = struct.Struct("<IIH")
LONGEST = ROOM - _HEAD.size


class Handle:
    """The place for one slot's token. start: where it begins in the memory."""

    __slots__ = ("_memory", "_start")

    def __init__(self, memory: mmap.mmap, start: int) -> None:
        self._memory = memory
        self._start = start

    # By the steward

    def begin(self) -> None:
        """Say that the broker is being asked."""
        number, serial, length = self._head()
        self._write((number + 1) | 1, serial, length)

    def end(self, serial: int = 0, token: str = "") -> bool:
        """Say that it has answered; serial, token: of whom, and under which. False: too long."""
        number, kept, length = self._head()
        data = token.encode()
        fits = len(data) <= LONGEST
        if data and fits:
            at = self._start + _HEAD.size
            self._memory[at : at + len(data)] = data
            kept, length = serial, len(data)
        self._write((number | 1) + 1, kept, length)
        return fits

    # By whoever settles

    @property
    def is_changing(self) -> bool:
        """Whether the broker is being asked."""
        return bool(self._head()[0] & 1)

    def token(self, serial: int) -> str:
        """Return the job's newest token; empty where it is that of its lease."""
        head = self._head()
        if head[1] != serial:
            return ""
        at = self._start + _HEAD.size
        data = self._memory[at : at + head[2]]
        # Whoever looks while it is written gets the next one.
        return data.decode() if self._head() == head else self.token(serial)

    def _head(self) -> tuple[int, int, int]:
        number, serial, length = _HEAD.unpack_from(self._memory, self._start)
        return int(number), int(serial), min(int(length), LONGEST)

    def _write(self, number: int, serial: int, length: int) -> None:
        _HEAD.pack_into(self._memory, self._start, number & 0xFFFFFFFF, serial, length)
