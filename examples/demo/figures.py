"""The numbers at the end: what is shown, and whether it adds up."""

from collections.abc import Iterator, Sequence
from statistics import median, quantiles
from typing import Any

from crew import Kill
from django.db.models import F, Sum
from library.models import Module, Summary
from library.tasks import Misplaced, is_misplaced

from django_convoy import TaskResult
from django_convoy.models import FinishedJob, LiveJob

MISPLACED = f"{Misplaced.__module__}.{Misplaced.__qualname__}"


def percentiles(seconds: Sequence[float]) -> str:
    """Return the median and the 95th percentile in words."""
    return f"p50 {span(median(seconds))}, p95 {span(quantiles(seconds, n=20)[-1])}"


def span(seconds: float) -> str:
    """Return a span in words."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def interruptions(result: TaskResult) -> int:
    """Return how many runs ended neither well nor with an exception: their worker died."""
    ended = len(result.errors) + (result.status == "SUCCESSFUL")
    return len(result.worker_ids) - ended


class Figures:
    """What became of the jobs.

    names: of all modules. results: of their jobs. waits: seconds until an idle worker began.
    summary: what the last job returned.
    """

    def __init__(
        self,
        names: Sequence[str],
        results: Sequence[TaskResult],
        kill: Kill,
        waits: Sequence[float],
        summary: dict[str, Any],
    ) -> None:
        self._names = names
        self._results = results
        self._kill = kill
        self._waits = waits
        self._summary = summary
        self._read = [one for one in results if one.status == "SUCCESSFUL"]
        self._failed = [one for one in results if one.status == "FAILED"]
        self._retried = {
            one.args[0]
            for one in results
            if any(error.exception_class_path == MISPLACED for error in one.errors)
        }
        self._interrupted = {one.args[0] for one in results if interruptions(one)}

    def rows(self) -> Iterator[tuple[str, str]]:
        """Return the table."""
        results = self._results
        first = min(one.started_at for one in results)
        last = max(one.finished_at for one in results)
        took = (last - first).total_seconds()
        queued = [(one.started_at - one.enqueued_at).total_seconds() for one in results]
        yield "jobs", f"{len(results):,} in {took:.1f} s: {len(results) / took:,.0f} per second"
        yield "waited in the queue", percentiles(queued)
        yield "picked up when idle", percentiles(self._waits)
        yield "retries", f"{len(self._retried)} modules were misplaced at the first attempt"
        yield "recovery", self._recovery()
        yield "failures", f"{len(self._failed)}, kept: {self._failures()}"
        facts = self._summary
        yield (
            "read",
            f"{facts['lines']:,} lines, {facts['functions']:,} functions, "
            f"{facts['classes']:,} classes",
        )
        name, count = facts["most_imported"]
        yield "most imported", f"{name}, by {count:,} modules"
        name, lines = facts["biggest"]
        yield "biggest module", f"{name}, {lines:,} lines"
        name, lines = facts["longest_function"]
        yield "longest function", f"{name}, {lines:,} lines"

    def _recovery(self) -> str:
        again = next((one for one in self._results if one.id == self._kill.job), None)
        if again is None or again.last_attempted_at is None:
            return "the job that the killed process ran is missing"
        later = again.last_attempted_at.timestamp() - self._kill.at
        return (
            f"the kill hit {again.args[0]}: noticed after "
            f"{span(self._kill.noticed_after)}, read again after {span(later)}"
        )

    def _failures(self) -> str:
        kinds = {one.errors[-1].exception_class_path.rpartition(".")[2] for one in self._failed}
        names = ", ".join(sorted(one.args[0].rpartition(".")[2] for one in self._failed)[:4])
        more = ", ..." if len(self._failed) > 4 else ""
        return f"{'/'.join(sorted(kinds))} in {names}{more}"

    def problems(self) -> list[str]:
        """Return what does not add up."""
        return [text for wrong, text in self._findings() if wrong]

    def _findings(self) -> Iterator[tuple[Any, str]]:
        names, results = self._names, self._results
        read, failed = (sorted(one.args[0] for one in kind) for kind in (self._read, self._failed))
        rows = sorted(Module.objects.values_list("name", flat=True))
        yield sorted(read + failed) != sorted(names), "some module was not read, or read twice"
        yield rows != read, "the jobs that succeeded are not those that left a row"
        yield not failed, "no file failed, and some are no Python"
        yield LiveJob.objects.exists(), f"{LiveJob.objects.count()} jobs are still live"
        kept = FinishedJob.objects.filter(id__in=[one.id for one in results]).count()
        yield kept != len(names), f"{kept} records are kept of {len(names)} jobs"
        misplaced = {name for name in names if is_misplaced(name)}
        # One that was interrupted at its first attempt is not misplaced at the second.
        yield (
            self._retried - misplaced or misplaced - self._retried - self._interrupted,
            f"{len(self._retried)} jobs were retried, and {len(misplaced)} modules misplaced",
        )
        victim = next((one for one in results if one.id == self._kill.job), None)
        yield victim is None or not interruptions(victim), "the killed job was not run again"
        again = Module.objects.aggregate(again=Sum(F("reads") - 1))["again"]
        yield (
            again > len(self._interrupted),
            f"{again} modules were read twice, and {len(self._interrupted)} jobs interrupted",
        )
        summaries = list(Summary.objects.values_list("modules", flat=True))
        yield summaries != [len(rows)], f"the summary was made of {summaries} modules"
