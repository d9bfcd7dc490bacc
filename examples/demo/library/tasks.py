"""The tasks of the demo."""

import zlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.db.models import F, Sum

from django_convoy import TaskContext, task
from library.models import Module, Summary
from library.reading import read

MISPLACED_EVERY = 25


class Misplaced(Exception):
    """Somebody put the module on the wrong shelf; it will be back in a moment."""


def is_misplaced(name: str) -> bool:
    """Return whether the first attempt to read this module fails: always the same ones do."""
    return zlib.crc32(name.encode()) % MISPLACED_EVERY == 0


@task(
    queue_name="reading",
    takes_context=True,
    retries=3,
    retry_on=Misplaced,  # a file that is not Python fails for good
    backoff=0.5,
    timeout=30,
)
def read_module(context: TaskContext, name: str, path: str) -> None:
    """Read one module and keep what was found."""
    if is_misplaced(name) and context.attempt == 1:
        raise Misplaced(f"{name} is not on its shelf")
    facts = asdict(read(Path(path).read_bytes(), path))
    facts["imports"] = sorted(facts["imports"])
    # A job runs again when its worker was killed, so it must not mind to find its own row.
    Module.objects.update_or_create(
        name=name, defaults={**facts, "reads": F("reads") + 1}, create_defaults=facts
    )


@task(queue_name="desk", priority=50, keep_result=False)
def ring() -> None:
    """Do nothing: run.py measures how soon an idle worker begins."""


@task(queue_name="desk", atomic=True, timeout=5)
def sum_up() -> dict[str, Any]:
    """Look at all modules. Body and outcome commit together, so there is one Summary."""
    imported: Counter[str] = Counter()
    for names in Module.objects.values_list("imports", flat=True).iterator():
        imported.update(names)
    biggest = Module.objects.order_by("-lines", "name").first()
    longest = Module.objects.order_by("-longest_function_lines", "name").first()
    totals = Module.objects.aggregate(Sum("lines"), Sum("functions"), Sum("classes"))
    facts = {
        "lines": totals["lines__sum"],
        "functions": totals["functions__sum"],
        "classes": totals["classes__sum"],
        "most_imported": imported.most_common(1)[0],
        "biggest": [biggest.name, biggest.lines] if biggest else None,
        "longest_function": (
            [f"{longest.name}.{longest.longest_function}", longest.longest_function_lines]
            if longest
            else None
        ),
    }
    Summary.objects.create(modules=Module.objects.count(), facts=facts)
    return facts
