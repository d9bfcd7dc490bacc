"""The folder of a tree in which its listener wakes idle workers; see `db.seats`."""

import os
import shutil
import tempfile
from pathlib import Path


def make() -> str:
    """Return the folder of this supervisor, the same after a re-exec; "" if it cannot be had."""
    if not hasattr(os, "mkfifo"):
        return ""
    folder = Path(tempfile.gettempdir(), f"convoy-{os.geteuid()}-{os.getpid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        known = folder.lstat()
    except OSError:
        return ""
    # The name can be guessed: what somebody else put there is not used.
    return str(folder) if known.st_uid == os.geteuid() and folder.is_dir() else ""


def remove(folder: str) -> None:
    """Remove it; a tree that was killed leaves it for whoever gets its pid."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
