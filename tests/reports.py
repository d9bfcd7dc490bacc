"""What a run has to show beside its dots: a pytest plugin, loaded with `-p`.

Of the conformance suite it lists what each broker skipped, and fails the run if one skipped a test
for any reason but a declared capability, a role that it does not have, or a missing server. Of the
tests under fire it prints their numbers, which those put into the property "fire".
"""

import collections

import pytest

SUITES = "tests/conformance/"
DECLARED = ("capability ", "role ", "platform:")
"""How reasons begin that are fine."""


class Reports:
    """Listens to what the tests say, also where they run in other processes."""

    def __init__(self) -> None:
        self.skips: collections.Counter[tuple[str, str]] = collections.Counter()
        self.others: list[str] = []
        self.fire: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            told = dict(report.user_properties)
            self.fire += [f"{report.nodeid}: {told['fire']}"] if "fire" in told else []
        if not (report.skipped and report.nodeid.startswith(SUITES)):
            return
        if hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
            return
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if " is missing: " in reason:  # a server; the head of the report names it
            return
        binding = report.nodeid.split("::")[1]
        if reason.startswith(DECLARED):
            self.skips[binding, reason.partition(":")[0]] += 1
        else:
            self.others.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.others and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        if self.skips:
            terminalreporter.section("conformance: skipped, since it is not promised")
            width = max(len(binding) for binding, _ in self.skips)
            for (binding, why), count in sorted(self.skips.items()):
                write(f"{binding:{width}}  {count:3}  {why}")
        for one in self.others:
            write(f"ERROR: skipped for a reason that is no capability: {one}", red=True)
        if self.fire:
            terminalreporter.section("under fire")
            for one in sorted(self.fire):
                write(one)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # where xdist runs the tests, somebody else listens
        config.pluginmanager.register(Reports(), "convoy-reports")
