"""How much memory this process uses."""

import os
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def can_measure() -> bool:
    """Return whether this platform tells."""
    return _STATM.exists() or sys.platform == "darwin"


def rss() -> int:
    """Return the resident bytes of this process (on macOS, the most it ever had)."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # lazy: POSIX only

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
