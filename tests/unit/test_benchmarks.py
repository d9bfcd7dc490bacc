"""The benchmarks quote no figure that others disturbed, and refuse what they do not know."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).resolve().parents[2] / "benchmarks"
RATE = "jobs/s"


@pytest.fixture
def load(monkeypatch):
    """Import modules of the benchmarks, which are scripts and not a package."""
    names = {path.stem for path in HERE.glob("*.py")} | {"systems"}
    monkeypatch.syspath_prepend(str(HERE))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in names:
            del sys.modules[name]


@pytest.fixture
def report(load):
    return load("report")


def line(report, system="convoy", value=100.0, *, disturbed=False, measure="drain", **other):
    said = {"store": "postgres", "variant": "usual", "unit": RATE, "n": 10, "version": "1"}
    return report.Line(
        system=system,
        value=value,
        measure=measure,
        disturbed=disturbed,
        foreign=0.9 if disturbed else 0.0,
        round=1,
        **said | other,
    )


def results(report, *lines):
    found = report.Results(None)
    for one in lines:
        found.add(one)
    return found


@pytest.mark.parametrize(
    ("ours", "theirs", "ratio"),
    [(False, False, "2x"), (True, False, "?"), (False, True, "?"), (True, True, "?")],
)
def test_no_ratio_is_told_of_a_disturbed_figure(report, ours, theirs, ratio):
    first, peer = report.Figure(200.0, ours, 1), report.Figure(100.0, theirs, 1)
    assert report.ratio(first, peer, RATE) == ratio


def test_of_times_less_is_better(report):
    assert report.ratio(report.Figure(2.0, False, 1), report.Figure(6.0, False, 1), "ms") == "3x"


def test_what_was_not_measured_has_no_ratio(report):
    assert report.ratio(None, report.Figure(6.0, False, 1), RATE) == ""
    assert report.ratio(report.Figure(6.0, False, 1), None, RATE) == ""


def test_undisturbed_rounds_count_alone(report):
    found = results(
        report,
        line(report, value=100.0),
        line(report, value=900.0, disturbed=True),
        line(report, value=102.0),
    )
    assert found.figure("convoy", "drain") == report.Figure(101.0, False, 2)


def test_a_table_marks_what_was_disturbed_and_draws_no_conclusion_from_it(report):
    found = results(
        report,
        line(report, "convoy", 300.0),
        line(report, "huey", 100.0, disturbed=True),
        line(report, "rq", 60.0),
        line(report, report.LIMIT, 600.0, disturbed=True),
    )
    text = report.table(found, ["convoy", "huey", "rq"])
    header, row = text.splitlines()[:2]
    assert header.split() == [
        *("measure", "unit", "convoy", "huey", "ratio", "rq", "ratio", "limit", "share")
    ]
    assert row.split() == ["drain", RATE, "300", "~100", "?", "60", "5x", "~600", "?"]
    assert "limit of drain: usual ~600" in text
    assert text.endswith("Not to be quoted.")


def test_a_table_of_undisturbed_figures_says_nothing_of_disturbance(report):
    found = results(report, line(report), line(report, report.LIMIT, 400.0))
    text = report.table(found, ["convoy"])
    assert text.splitlines()[1].split() == ["drain", RATE, "100", "400", "25%"]
    assert "~" not in text


def test_a_chart_leaves_out_what_was_disturbed_and_says_so(load, report, tmp_path):
    found = results(
        report,
        line(report, "convoy", 3111.0),
        line(report, "huey", 1222.0, disturbed=True),
        line(report, "rq", 1555.5),
        line(report, report.LIMIT, 9333.0, disturbed=True),
    )
    file = tmp_path / "chart.svg"
    assert load("chart").draw(found, file) == ["drain of huey on postgres"]
    drawn = file.read_text()
    assert "3,111" in drawn
    assert "1,556" in drawn
    assert ">2x<" in drawn
    assert "1,222" not in drawn
    assert "9,333" not in drawn
    assert "Not shown, because others disturbed it: huey" in drawn


def test_a_chart_without_our_own_figure_has_no_ratios(load, report, tmp_path):
    found = results(
        report, line(report, "convoy", 3111.0, disturbed=True), line(report, "rq", 1555.0)
    )
    file = tmp_path / "chart.svg"
    assert load("chart").draw(found, file) == ["drain of convoy on postgres"]
    drawn = file.read_text()
    assert "1,555" in drawn
    assert "3,111" not in drawn
    assert "x<" not in drawn


def test_each_value_is_one_line_of_json_at_once(report, tmp_path):
    file = tmp_path / "results.jsonl"
    found = report.Results(file)
    found.add(line(report))
    found.add(line(report, disturbed=True))
    first, second = map(json.loads, file.read_text().splitlines())
    asked = {"system", "variant", "store", "measure", "value", "unit", "n", "disturbed"}
    assert set(first) == set(second) == asked | {"foreign", "round", "version"}
    assert (first["disturbed"], second["disturbed"]) == (False, True)


@pytest.mark.parametrize(
    ("foreign", "kept", "disturbed"),
    [([0.0], 0, False), ([0.5, 0.1], 1, False), ([0.9, 0.6], 1, True), ([0.6, 0.9], 0, True)],
    ids=["quiet", "quiet at second", "better at second", "worse at second"],
)
def test_a_disturbed_measure_is_taken_once_more(
    load, report, monkeypatch, foreign, kept, disturbed
):
    runner, readings = load("runner"), load("readings")
    monkeypatch.setattr(load("procfs"), "wait_for_quiet", lambda *limits: None)
    taken = [
        readings.Reading([readings.Value("drain", float(number), RATE, 10)], one)
        for number, one in enumerate(foreign)
    ]
    left = list(taken)
    self = SimpleNamespace(
        arguments=SimpleNamespace(quick=False),
        results=report.Results(None),
        try_once=lambda subject, measure: left.pop(0),
    )
    subject = SimpleNamespace(system="convoy", variant="usual", version="1")
    runner.Runner.take(self, subject, "postgres", "drain", 1)
    (written,) = self.results.lines
    assert left == []
    assert (written.value, written.disturbed) == (float(kept), disturbed)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--measures", "drain,enqeue"], "unknown 'enqeue'; did you mean enqueue?"),
        (["--systems", "hewy"], "did you mean huey?"),
        (["--only", "postgress"], "unknown 'postgress'; did you mean postgres?"),
        (["--workers", "0"], "0: not a whole number from 1 to 64"),
        (["--repeat", "many"], "many: not a whole number"),
        (["--json", "/nowhere/else/x"], "not a file in an existing folder"),
        (["--chart", "bars.png"], "bars.png: the chart is an .svg"),
        (["--only", "sqlite", "--systems", "rq"], "of rq, none runs on sqlite"),
    ],
)
def test_wrong_arguments_are_answered_with_what_is_meant(arguments, complaint):
    answer = subprocess.run(
        [sys.executable, str(HERE / "run.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert complaint in answer.stderr


@pytest.mark.parametrize("page", ["docs/scale.md", "benchmarks/README.md"])
def test_commands_of_the_documentation_are_understood(load, monkeypatch, tmp_path, page):
    text = (HERE.parent / page).read_text()
    commands = [one for one in re.findall(r'ARGS="([^"]*)"', text) if one != "--help"]
    assert len(commands) > 2
    monkeypatch.chdir(tmp_path)  # where they would write
    for command in commands:
        monkeypatch.setattr(sys, "argv", ["run.py", *command.split()])
        assert load("run").parse_arguments().measures


def test_each_measure_is_described(load):
    described = (HERE / "README.md").read_text()
    assert [name for name in load("measures").MEASURES if f"`{name}" not in described] == []
