"""What workers hold, in memory that outlives them.

One region per worker, with a slot per job it holds. Each field has one writer; a reader takes
a copy and looks at the serial number before and after. There are no semaphores: a killed
holder would hang everybody. Where the worker and the steward must agree who has a job (start
it, or take it back), they use a byte lock, which the kernel drops when its process dies.

    board:  [header][region 0][region 1]...       region: [header][slot 0][slot 1]...
"""

import importlib
import mmap
import os
import secrets
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from django_convoy.worker.handles import Handle
from django_convoy.worker.layout import (
    BOOT_AT,
    DEAD,
    EMPTY,
    ENDED,
    EXIT_AT,
    F64,
    FLAGS_AT,
    FREE,
    HANDLE,
    HEAD,
    HELD,
    I32,
    JOBS_AT,
    KILLED_AT,
    LIVE,
    OUTCOME,
    OUTCOME_ROOM,
    OVER,
    PAGE,
    PID_AT,
    REASON_AT,
    RECALLED_AT,
    REGION,
    REGIONS,
    REGIONS_AT,
    RENEWED_AT,
    RUNNING,
    SIZE,
    SLOT,
    SLOT_HEAD,
    SLOTS,
    STATES_AT,
    STEWARD_AT,
    SUPERVISOR_AT,
    SUSPECT_AT,
    TIMES,
    TIMES_AT,
    U16,
    U32,
    UNTIL_AT,
    USED,
    VERSION,
    VERSION_AT,
    Slot,
    any_of,
    places,
)


class Board:
    """The shared memory; made by the supervisor, mapped by all.

    descriptor: of a board that is there already; PRIVATE for one that a single process uses,
    on platforms that have neither shared descriptors nor locks.
    """

    PRIVATE = -1

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = self._make()
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, SIZE)
        self._fcntl = None if descriptor == self.PRIVATE else importlib.import_module("fcntl")
        self._file = None if descriptor == self.PRIVATE else os.fstat(descriptor)

    @staticmethod
    def _make() -> int:
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("convoy-board")
        else:
            descriptor, path = tempfile.mkstemp(prefix="convoy-board-")
            Path(path).unlink()
        os.ftruncate(descriptor, SIZE)
        os.pwrite(descriptor, U32.pack(VERSION), VERSION_AT)
        return descriptor

    @property
    def version(self) -> int:
        """The layout that the maker of the board uses."""
        return int(U32.unpack_from(self._memory, VERSION_AT)[0])

    def is_intact(self) -> bool:
        """Return whether the descriptor is still the board's: a task may have closed all it found.

        What was mapped stays, but there are no locks any more.
        """
        if self._file is None:
            return True
        try:
            return os.path.samestat(os.fstat(self.descriptor), self._file)
        except OSError:
            return False

    def close(self) -> None:
        """Unmap."""
        self._memory.close()
        if self.descriptor != self.PRIVATE:
            os.close(self.descriptor)

    # When the others wake

    def supervisor_wakes(self, at: float | None = None) -> float:
        """Read, or set, when the supervisor wakes by itself."""
        return self._time(SUPERVISOR_AT, at)

    def steward_wakes(self, at: float | None = None) -> float:
        """Read, or set, when the steward looks at the board by itself."""
        return self._time(STEWARD_AT, at)

    def _time(self, place: int, at: float | None) -> float:
        if at is not None:
            F64.pack_into(self._memory, place, at)
            return at
        return float(F64.unpack_from(self._memory, place)[0])

    # Suspects

    def begin_probation(self, region: int, until: float) -> bool:
        """Let a region's worker run a suspect; False while another one may, or while two ask."""
        if not self._lock_at(SUSPECT_AT):
            return False
        try:
            if U32.unpack_from(self._memory, SUSPECT_AT)[0] and (
                time.monotonic() < self._time(UNTIL_AT, None)
            ):
                return False
            U32.pack_into(self._memory, SUSPECT_AT, region + 1)
            self._time(UNTIL_AT, until)
            return True
        finally:
            self._unlock_at(SUSPECT_AT)

    def end_probation(self, region: int) -> None:
        """Say that a region's suspect is over."""
        if U32.unpack_from(self._memory, SUSPECT_AT)[0] == region + 1:
            U32.pack_into(self._memory, SUSPECT_AT, 0)

    # Locks

    def lock(self, region: int, byte: int) -> bool:
        """Take a lock that dies with this process; return whether it was free."""
        return self._lock_at(PAGE + region * REGION + byte)

    def unlock(self, region: int, byte: int, count: int = 1) -> None:
        """Give locks back."""
        self._unlock_at(PAGE + region * REGION + byte, count)

    def _lock_at(self, place: int) -> bool:
        fcntl = self._fcntl
        if fcntl is None:
            return True
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True

    def _unlock_at(self, place: int, count: int = 1) -> None:
        fcntl = self._fcntl
        if fcntl is not None:
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, count, place)

    def region(self, index: int) -> "Region":
        """Return the view of one region."""
        return Region(self, self._memory, index)

    def regions(self, *states: int) -> "Iterator[Region]":
        """Return the regions in any of these states."""
        for index in places(self._memory[REGIONS_AT : REGIONS_AT + REGIONS], states):
            yield Region(self, self._memory, index)


class Region:
    """One worker's part of the board."""

    LIFE = SLOTS
    """The byte whose lock says that the worker lives."""

    def __init__(self, board: Board, memory: mmap.mmap, index: int) -> None:
        self.board = board
        self.index = index
        self._memory = memory
        self._base = PAGE + index * REGION
        self._serial = 0

    def _read(self, kind: struct.Struct, place: int) -> int:
        return int(kind.unpack_from(self._memory, self._base + place)[0])

    # By the supervisor

    def open(self, boot: str) -> None:
        """Give the region to a worker that is about to start."""
        self._memory[self._base : self._base + PAGE] = bytes(PAGE)
        self._memory[self._base + BOOT_AT : self._base + BOOT_AT + 16] = boot.encode()[:16]
        I32.pack_into(self._memory, self._base + KILLED_AT, -1)
        self._memory[REGIONS_AT + self.index] = LIVE

    def bury(self, status: int) -> None:
        """Say that the worker is gone, and how."""
        I32.pack_into(self._memory, self._base + EXIT_AT, status)
        self._memory[REGIONS_AT + self.index] = DEAD

    def doom(self, reason: int, slot: int) -> None:
        """Say why the worker is about to be killed, and for which slot."""
        I32.pack_into(self._memory, self._base + KILLED_AT, slot)
        self._memory[self._base + REASON_AT] = reason

    def free(self) -> None:
        """Say that nothing is left here to settle. By the steward."""
        self._memory[REGIONS_AT + self.index] = FREE

    @property
    def state(self) -> int:
        """FREE, LIVE or DEAD."""
        return self._memory[REGIONS_AT + self.index]

    @property
    def boot(self) -> str:
        """The random id of the worker's boot."""
        start = self._base + BOOT_AT
        return self._memory[start : start + 16].decode()

    @property
    def exit_status(self) -> int:
        """The status from `os.waitpid`."""
        return self._read(I32, EXIT_AT)

    @property
    def doomed(self) -> tuple[int, int]:
        """(reason, slot) of a kill."""
        return self._memory[self._base + REASON_AT], self._read(I32, KILLED_AT)

    @property
    def pid(self) -> int:
        """The worker's process, 0 before it began."""
        return self._read(U32, PID_AT)

    @property
    def jobs(self) -> int:
        """How many jobs it has run."""
        return self._read(U32, JOBS_AT)

    def lives(self) -> bool:
        """Return whether the worker's process exists, whoever its parent is now."""
        if not self.board.lock(self.index, self.LIFE):
            return True
        self.board.unlock(self.index, self.LIFE)
        return False

    # By the worker

    def enter(self) -> None:
        """Begin to use the region: hold the lock of life."""
        self.board.lock(self.index, self.LIFE)
        U32.pack_into(self._memory, self._base + PID_AT, os.getpid())
        # Not from 0: what an earlier worker left in the slots must not look like ours.
        self._serial = secrets.randbits(30)

    def count(self, jobs: int) -> None:
        """Say how many jobs were run."""
        U32.pack_into(self._memory, self._base + JOBS_AT, jobs)

    @property
    def header(self) -> tuple[mmap.mmap, int]:
        """The memory, and where ours begins in it; see `worker.cutoff`."""
        return self._memory, self._base

    def _slot(self, index: int) -> int:
        return self._base + PAGE + index * SLOT

    def hold(self, index: int, lease: bytes, now: float) -> int:
        """Put a claimed job into a slot; return its serial."""
        start = self._slot(index)
        self._serial += 1
        self._memory[start + HEAD : start + HEAD + len(lease)] = lease
        TIMES.pack_into(self._memory, start + TIMES_AT, now, 0.0, 0.0)
        F64.pack_into(self._memory, start + RENEWED_AT, now)
        SLOT_HEAD.pack_into(self._memory, start, len(lease), 0, self._serial)
        self._memory[self._base + STATES_AT + index] = HELD
        return self._serial

    def recalled(self, index: int, serial: int) -> bool:
        """Return whether the steward took the job back."""
        start = self._slot(index)
        return bool(U32.unpack_from(self._memory, start + RECALLED_AT)[0] == serial)

    def start(self, index: int, started: float, deadline: float, flags: int) -> None:
        """Say that the body is about to be called."""
        start = self._slot(index)
        F64.pack_into(self._memory, start + TIMES_AT + 8, started)
        F64.pack_into(self._memory, start + TIMES_AT + 16, deadline)
        self._memory[self._base + FLAGS_AT + index] = flags
        self._memory[self._base + STATES_AT + index] = RUNNING

    def end(self, index: int, outcome: bytes | None) -> bool:
        """Keep the outcome until it is settled; return False where it does not fit."""
        start = self._slot(index)
        if outcome is None or len(outcome) > OUTCOME_ROOM:
            F64.pack_into(self._memory, start + TIMES_AT + 16, 0.0)  # it kept its deadline
            self._memory[self._base + FLAGS_AT + index] |= OVER
            return False
        self._memory[start + OUTCOME : start + OUTCOME + len(outcome)] = outcome
        U16.pack_into(self._memory, start + 2, len(outcome))
        self._memory[self._base + STATES_AT + index] = ENDED
        return True

    def clear(self, index: int) -> None:
        """Empty a slot: settled, or no longer ours."""
        self._memory[self._base + STATES_AT + index] = EMPTY

    # By the steward

    def recall(self, slot: Slot) -> None:
        """Say that the job was taken back. Call with the slot's lock held."""
        U32.pack_into(self._memory, self._slot(slot.index) + RECALLED_AT, slot.serial)

    def renewed(self, slot: Slot, at: float) -> None:
        """Say when the lease was renewed."""
        F64.pack_into(self._memory, self._slot(slot.index) + RENEWED_AT, at)

    def handle(self, index: int) -> Handle:
        """Return the place for the token that a renewal gave."""
        return Handle(self._memory, self._slot(index) + HANDLE)

    def read(self, index: int) -> Slot | None:
        """Return a copy of a slot, None while it is empty or being written."""
        start, state_at = self._slot(index), self._base + STATES_AT + index
        state = self._memory[state_at]
        if state == EMPTY:
            return None
        head = self._memory[start : start + SLOT_HEAD.size]
        lease, outcome, serial = SLOT_HEAD.unpack(head)
        claimed, started, deadline = TIMES.unpack_from(self._memory, start + TIMES_AT)
        (renewed,) = F64.unpack_from(self._memory, start + RENEWED_AT)
        slot = Slot(
            index,
            state,
            self._memory[self._base + FLAGS_AT + index],
            serial,
            claimed,
            started,
            deadline,
            renewed,
            self._memory[start + HEAD : start + HEAD + lease],
            self._memory[start + OUTCOME : start + OUTCOME + outcome],
            self.handle(index).token(serial),
        )
        same = self._memory[start : start + SLOT_HEAD.size] == head
        return slot if same and self._memory[state_at] == state else None

    def slots(self, *states: int) -> list[Slot]:
        """Return copies of all slots in these states, or of all in use."""
        found = map(self.read, places(self._states(), states or USED))
        return [slot for slot in found if slot is not None]

    def has(self, *states: int) -> bool:
        """Return whether any slot is in one of these states, or in use; copies nothing."""
        return any_of(states or USED).search(self._states()) is not None

    def _states(self) -> bytes:
        start = self._base + STATES_AT
        return self._memory[start : start + SLOTS]

    def is_recalled(self, slot: Slot) -> bool:
        """Return whether this copy's job was taken back."""
        return self.recalled(slot.index, slot.serial)
