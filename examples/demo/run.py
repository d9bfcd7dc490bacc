"""The demo: every module of Python's standard library is read in a job of its own.

Some jobs fail and are tried again, some fail for good, and one worker process is killed in the
middle. At the end the numbers have to add up; otherwise the exit status is 1.
"""

import argparse
import contextlib
import fcntl
import importlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=int, metavar="N", help="worker processes (CPUs)")
    parser.add_argument("--stay", action="store_true", help="leave the worker running, with jobs")
    chosen = parser.parse_args()
    if chosen.processes is None:
        cpus = getattr(os, "sched_getaffinity", lambda pid: range(os.cpu_count() or 1))(0)
        chosen.processes = len(cpus)
    if chosen.processes < 1:
        parser.error("--processes must be 1 or more")
    return chosen


@contextlib.contextmanager
def data_folder(stay: bool) -> Iterator[Path]:
    """Give a folder for the database, for as long as the demo runs.

    stay: the one where manage.py looks by itself.
    """
    if not stay:
        with tempfile.TemporaryDirectory(prefix="convoy-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    folder = HERE / ".data"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"Another demo uses {folder}. End it with Ctrl-C, then try again.")
        for old in folder.iterdir():  # of a demo that was killed
            if old.is_dir():
                shutil.rmtree(old)
            elif old.name != "lock":
                old.unlink()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    chosen = options()
    # A closed terminal and a `kill` tidy up as Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with data_folder(chosen.stay) as folder:
            os.environ["CONVOY_DEMO_DIR"] = str(folder)
            os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
            importlib.import_module("django").setup()
            show = importlib.import_module("show")  # has models, which need the setup
            problems: list[str] = show.run(folder, chosen.processes, chosen.stay)
    except KeyboardInterrupt:
        print("Stopped.")
        return 130
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
