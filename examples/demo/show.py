"""The course of the demo: enqueue, watch, kill, wait, sum up, look at the numbers."""

import platform
import random
import signal
import sys
import sysconfig
import time
from collections import Counter
from pathlib import Path

import django
from crew import Crew, Kill, Trouble
from django.core.management import call_command
from django.db.models import Count
from figures import Figures
from library.tasks import read_module, ring, sum_up
from screen import Screen

from django_convoy import TaskResult
from django_convoy.models import FinishedJob, LiveJob

LONGEST = 300.0
KILL_AT = 0.4
RINGS = 25
LEFT_OUT = {"site-packages", "dist-packages", "__pycache__"}
Found = list[tuple[str, str]]


def modules(folder: Path) -> Found:
    """Return (name, path) of each module of the standard library, its tests included."""
    library = Path(sysconfig.get_path("stdlib"))
    found = [
        (".".join(path.relative_to(library).with_suffix("").parts), str(path))
        for path in library.rglob("*.py")
        if not LEFT_OUT & set(path.relative_to(library).parts)
    ]
    if not any("badsyntax" in name for name, _ in found):  # this Python came without its tests
        torn = folder / "torn_page.py"
        torn.write_text("def torn_page(:\n")
        found.append((torn.stem, str(torn)))
    return sorted(found)


def run(folder: Path, processes: int, stay: bool) -> list[str]:
    """Run the demo; return what is wrong with its numbers."""
    screen = Screen()
    screen.title(
        f"Convoy reads the standard library of Python {platform.python_version()}: Django "
        f"{django.get_version()}, SQLite, {processes} worker processes"
    )
    call_command("migrate", verbosity=0)
    crew: Crew | None = None
    try:
        crew = Crew(processes, folder / "worker.log")
        problems = _show(screen, crew, modules(folder))
        if stay and not problems:
            _trickle(screen, crew, modules(folder))
    except Trouble as trouble:
        problems = [str(trouble)]
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends now anyway, and tidies up
        screen.clear()
        if crew is not None:
            crew.stop()
    for problem in problems:
        screen.say(f"WRONG: {problem}")
    return problems


def _show(screen: Screen, crew: Crew, found: Found) -> list[str]:
    crew.wait_until_ready()
    began = time.perf_counter()
    batch = read_module.enqueue_many(found)
    screen.say(f"{len(batch):,} jobs enqueued in {time.perf_counter() - began:.2f} s.")
    kill = _watch(screen, crew, len(batch))
    waits = _ring()
    summary = sum_up.enqueue().wait(timeout=60)
    if not summary.is_finished or summary.message:
        raise Trouble(f"the summary failed: {summary.message}")
    names, results = [name for name, _ in found], list(batch.results())
    figures = Figures(names, results, kill, waits, summary.return_value)
    screen.say()
    screen.table(figures.rows())
    screen.say()
    problems = figures.problems()
    if not problems:
        screen.say(f"Every one of the {len(batch):,} modules is accounted for exactly once.")
    return problems


def _watch(screen: Screen, crew: Crew, total: int) -> Kill:
    """Show how it goes until nothing is left to do; kill a worker process on the way."""
    kill: Kill | None = None
    end = time.monotonic() + LONGEST
    while (done := (ended := _ended()).total()) < total:
        crew.check()
        if time.monotonic() > end:
            raise Trouble(f"{total - done} jobs are not done after {LONGEST:g} s")
        screen.bar("reading", done, total, f"{ended['FAILED']} failed" if ended["FAILED"] else "")
        if kill is None and done >= total * KILL_AT:
            kill = crew.kill_one()
            screen.say(
                f"Worker process {kill.pid} killed (SIGKILL) in the middle of a job. "
                f"Its jobs were back in the queue after {kill.noticed_after * 1000:.0f} ms."
            )
        time.sleep(0.1)
    screen.clear()
    if kill is None:
        raise Trouble("all jobs were done before a worker could be killed")
    return kill


def _ended() -> Counter[str]:
    """Return how many jobs are over, by status."""
    return Counter(dict(FinishedJob.objects.values_list("status").annotate(Count("id"))))


def _ring() -> list[float]:
    """Measure how many seconds pass from an enqueue until an idle worker begins."""
    waits = []
    for _ in range(RINGS):
        result = ring.enqueue().wait(timeout=30)
        waits.append((result.started_at - result.enqueued_at).total_seconds())
    return waits


def _trickle(screen: Screen, crew: Crew, found: Found) -> None:
    """Enqueue a few jobs every second until Ctrl-C."""
    manage = Path(__file__).with_name("manage.py")
    screen.say()
    screen.title("The worker stays, with a few jobs every second. Ctrl-C ends it. Try elsewhere:")
    for command, what in TRY:
        screen.say(f"  {sys.executable} {manage} {command:<28}  # {what}")
    count = 0
    while True:
        crew.check()
        some: list[TaskResult] = [read_module.enqueue(*one) for one in random.sample(found, 5)]
        count += len(some)
        screen.note(f"{count:,} more jobs enqueued, {LiveJob.objects.count()} waiting or running")
        time.sleep(1)


TRY = (
    ("convoy status", "queues, workers, failures"),
    ("convoy jobs --status FAILED", "what failed; then `convoy job ID`"),
    ("convoy retry --failed", "they fail again"),
    ("convoy workers", "who works"),
    ("convoy doctor", "is all as it has to be?"),
)
