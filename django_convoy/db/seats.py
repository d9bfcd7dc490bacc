"""Processes of one host that share a folder: who is alive, and who wants to be woken.

A process takes a seat: a byte of the file `seats`, locked by the kernel, so that the seat is
free the moment its process is gone, whatever killed it. The file `flags` has a byte per seat:
1 while its owner sleeps and wants to be woken; then one byte into the seat's FIFO wakes it.
Behind those it has a nonce per seat, new with each owner: whoever takes a dead one's seat is
not taken for the dead one. The last byte says whether a listener will wake who sleeps.
"""

import contextlib
import importlib
import mmap
import os
import secrets
import select
import threading
from functools import lru_cache
from pathlib import Path

WORKERS = range(256)
WAITERS = range(256, 959)
STEWARDS = range(959, 1023)
"""Those who fire schedules, to hear of changes."""
LISTENER = range(1023, 1024)
"""Whoever hears for the others what is announced from elsewhere."""
_SEATS = 1024
_NONCE = 4
_ATTENDED = _SEATS * (1 + _NONCE)
_SIZE = _ATTENDED + 1


class Seats:
    """The seats in one folder, as this process sees them. Never closed while in use: POSIX
    drops all locks that a process has on a file when it closes any descriptor of that file."""

    def __init__(self, folder: Path) -> None:
        self._fcntl = importlib.import_module("fcntl")  # POSIX only
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._locks = os.open(folder / "seats", os.O_RDWR | os.O_CREAT, 0o666)
        flags = os.open(folder / "flags", os.O_RDWR | os.O_CREAT, 0o666)
        if os.fstat(flags).st_size < _SIZE:
            os.ftruncate(flags, _SIZE)
        self._flags = mmap.mmap(flags, _SIZE)
        os.close(flags)
        self._mine: dict[int, int] = {}
        self._mutex = threading.Lock()

    def take(self, kind: range) -> int | None:
        """Sit down; return the seat, or None when all are taken."""
        with self._mutex:
            for seat in kind:
                if seat in self._mine:
                    continue
                try:
                    self._fcntl.lockf(
                        self._locks, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB, 1, seat
                    )
                except OSError:
                    continue
                path = self._folder / str(seat)
                with contextlib.suppress(FileExistsError):
                    os.mkfifo(path)
                # Opened for writing too, so that it never reads as closed.
                self._mine[seat] = os.open(path, os.O_RDWR | os.O_NONBLOCK)
                self._flags[seat] = 0
                place = _nonce_place(seat)
                self._flags[place] = secrets.token_bytes(_NONCE)
                return seat
        return None

    def name(self, seat: int) -> str:
        """Return what names whoever sits there now, at most 13 characters; see `sits`."""
        return f"{seat}.{self._flags[_nonce_place(seat)].hex()}"

    def sits(self, name: str) -> bool:
        """Return whether the process of that name is alive and still sits there."""
        number, dot, nonce = name.partition(".")
        if not (dot and number.isdigit() and int(number) < _SEATS):
            return False
        seat = int(number)
        return self._flags[_nonce_place(seat)].hex() == nonce and self.is_taken(seat)

    def leave(self, seat: int) -> None:
        """Stand up."""
        with self._mutex:
            self._flags[seat] = 0
            bell = self._mine.pop(seat)
            with contextlib.suppress(OSError):  # a task may have closed it
                os.close(bell)
            with contextlib.suppress(OSError):
                self._fcntl.lockf(self._locks, self._fcntl.LOCK_UN, 1, seat)

    def is_taken(self, seat: int) -> bool:
        """Return whether a living process sits there."""
        with self._mutex:
            if seat in self._mine:
                return True
            try:
                self._fcntl.lockf(self._locks, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB, 1, seat)
            except OSError:
                return True
            self._fcntl.lockf(self._locks, self._fcntl.LOCK_UN, 1, seat)
            return False

    def listen(self, seat: int, wanted: bool = True) -> None:
        """Ask to be woken, or no longer. Look for work once more after asking, then `sleep`."""
        self._flags[seat] = int(wanted)

    def sleep(self, seat: int, seconds: float) -> None:
        """Sleep until woken, at most `seconds`."""
        select.select([self.bell(seat)], [], [], max(0.0, seconds))
        self.silence(seat)

    def bell(self, seat: int) -> int:
        """Return the descriptor that can be read when somebody rang."""
        return self._mine[seat]

    def silence(self, seat: int) -> bool:
        """Ask to be woken no longer; return whether somebody had rung."""
        self._flags[seat] = 0
        try:
            return bool(os.read(self._mine[seat], 4096))
        except BlockingIOError:
            return False

    def ring(self, kind: range, count: int) -> int:
        """Wake up to `count` of those who asked; return how many were woken.

        Costs next to nothing when nobody asked.
        """
        woken = 0
        seat = self._flags.find(b"\x01", kind.start, kind.stop)
        while seat >= 0 and woken < count:
            self._flags[seat] = 0
            woken += self.wake(seat)
            seat = self._flags.find(b"\x01", seat + 1, kind.stop)
        return woken

    def asleep(self, kind: range) -> bool:
        """Return whether anybody asked to be woken."""
        return self._flags.find(b"\x01", kind.start, kind.stop) >= 0

    @property
    def attended(self) -> bool:
        """Whether a listener promised to wake who sleeps, for everything there is."""
        return bool(self._flags[_ATTENDED])

    @attended.setter
    def attended(self, promised: bool) -> None:
        self._flags[_ATTENDED] = int(promised)

    def wake(self, seat: int) -> bool:
        """Wake whoever sits there; return whether somebody does."""
        try:
            bell = os.open(f"{self._folder}/{seat}", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            os.write(bell, b"!")
        except OSError:
            return False
        finally:
            os.close(bell)
        return True


def _nonce_place(seat: int) -> slice:
    start = _SEATS + seat * _NONCE
    return slice(start, start + _NONCE)


@lru_cache(maxsize=32)
def _open(folder: str, pid: int) -> Seats | None:
    try:
        return Seats(Path(folder))
    except OSError:
        return None  # a folder that cannot be written: everybody polls


def seats_in(folder: str | None) -> Seats | None:
    """Return this process's view of a folder, None where it cannot be had."""
    if folder is None or not hasattr(os, "mkfifo"):
        return None
    return _open(folder, os.getpid())
