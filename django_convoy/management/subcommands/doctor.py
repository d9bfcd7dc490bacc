"""`convoy doctor`: is everything as it has to be?"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from django.core.checks import ERROR as CHECK_ERROR
from django.core.management.base import CommandParser
from django.utils.module_loading import autodiscover_modules

from django_convoy import conf
from django_convoy.contracts.broker import Broker
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.errors import ConvoyError
from django_convoy.framework import task_backends
from django_convoy.insight.health import ERROR, FINE, NOTICE, WARNING, Finding, examine, slots
from django_convoy.management import schedule_findings
from django_convoy.management.output import Output
from django_convoy.registry import declared_tasks
from django_convoy.runtime import Runtime, runtime_of

_MARKS = {FINE: "ok", NOTICE: "note", WARNING: "WARN", ERROR: "ERROR"}


class Command:
    """Shows what it looked at; exits with 1 after an error."""

    every_backend = True

    help = "look for what is wrong: settings, tables, broker, keys, clocks, queues"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add nothing."""

    def handle(self, aliases: Sequence[str], options: dict[str, Any], out: Output) -> int:
        """Examine each."""
        findings, capabilities = [], {}
        for number, alias in enumerate(aliases):
            if number:
                out.line()
            out.title(f"Backend {alias!r}")
            for finding in _examine(alias):
                findings.append({"backend": alias, **asdict(finding)})
                _show(finding, out)
            if (broker := _broker(alias)) is not None:
                capabilities[alias] = asdict(broker.capabilities)
                out.line()
                out.title(f"What {type(broker).__name__} can do")
                out.table(("Capability", "Value"), _capabilities(broker.capabilities))
        out.data({"findings": findings, "capabilities": capabilities})
        return 1 if any(one["level"] == ERROR for one in findings) else 0


def _examine(alias: str) -> Iterator[Finding]:
    try:
        runtime = runtime_of(alias)
    except ConvoyError as error:
        yield Finding(ERROR, "settings", str(error))
        return
    yield from _settings(runtime)
    yield from _slots(runtime)
    yield from examine(runtime, conf.secrets)
    yield from schedule_findings.findings(runtime, conf.secrets())


def _broker(alias: str) -> Broker | None:
    try:
        return runtime_of(alias).shared.broker
    except ConvoyError:
        return None  # said as a finding


def _settings(runtime: Runtime) -> list[Finding]:
    found = [
        Finding(
            ERROR if message.level >= CHECK_ERROR else WARNING,
            "settings",
            " ".join(filter(None, [str(message.msg), message.hint])),
        )
        for message in task_backends[runtime.alias].check()
    ]
    return found or [Finding(FINE, "settings", f"TASKS[{runtime.alias!r}] is sound")]


def _slots(runtime: Runtime) -> Iterator[Finding]:
    worker, defaults = runtime.options.worker, runtime.options.task
    if worker.threads:
        setting, flag = f"threads={worker.threads}", "--threads"
    elif worker.concurrency:
        setting, flag = f"concurrency={worker.concurrency}", "--async"
    else:
        return
    try:
        autodiscover_modules("tasks")
    except Exception as error:  # whatever a site's module raises
        yield Finding(ERROR, "slots", f"the site's tasks cannot be loaded: {error!r}")
        return
    timed = [
        task.module_path
        for task in declared_tasks()
        if task.backend == runtime.alias and task.policy(defaults).timeout is not None
    ]
    if worker.timeout is not None or defaults.get("timeout") is not None:
        timed.insert(0, "by default all")
    yield from slots(setting, flag, timed)


def _show(finding: Finding, out: Output) -> None:
    style = {WARNING: out.style.WARNING, ERROR: out.style.ERROR, FINE: out.style.SUCCESS}
    mark = style.get(finding.level, str)(f"{_MARKS[finding.level]:<5}")
    out.line(f"{mark} {finding.about}: {finding.text}")


def _capabilities(capabilities: Capabilities) -> list[tuple[str, str]]:
    words = {True: "yes", False: "no", None: "-"}
    rows = []
    for one in fields(capabilities):
        value = getattr(capabilities, one.name)
        rows.append((one.name.replace("_", " "), words.get(value, str(value))))
    return rows
