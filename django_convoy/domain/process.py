"""Which process this is, as each enqueue has to know twice, without asking the kernel each time.

A fork that Python does not hear of, as uWSGI makes them, is noticed by a page of memory that Linux
empties in the child.
"""

import contextlib
import mmap
import os
from typing import Any

_WIPE_ON_FORK = 18  # MADV_WIPEONFORK, which Python has no name for
_NO_ADVICE = -1


def _page() -> Any:
    """Return memory that is empty after a fork; None where there is none."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_WIPE_ON_FORK)
        try:
            page.madvise(_NO_ADVICE)
        except OSError:
            return page  # others, such as some emulators, take any advice and follow none
    return None


_filled = _page()
_known = 0


def pid() -> int:
    """Return what `os.getpid()` returns."""
    global _known
    if _filled is None:
        return os.getpid()
    if not _filled[0]:
        _known = os.getpid()
        _filled[0] = 1  # last: another thread may look
    return _known
