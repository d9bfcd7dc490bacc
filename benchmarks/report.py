"""JSON lines as values come in, and the table at the end."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LIMIT = "limit"
RATE = "jobs/s"  # more is better; of everything else, less
PEERS_A_BLOCK = 4


@dataclass(frozen=True)
class Line:
    """One measured value, as it stands in the JSON file."""

    system: str
    variant: str
    store: str
    measure: str
    value: float
    unit: str
    n: int
    disturbed: bool
    foreign: float
    round: int
    version: str


@dataclass(frozen=True)
class Figure:
    """The median of the values that count: the undisturbed ones, where there are any."""

    value: float
    disturbed: bool
    values: int

    def __str__(self) -> str:
        return f"{'~' if self.disturbed else ''}{number(self.value)}"


def number(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class Results:
    """Every value so far; each is written to the JSON file at once."""

    def __init__(self, file: Path | None) -> None:
        self.lines: list[Line] = []
        self.file = file
        if file:
            file.write_text("")

    def add(self, line: Line) -> None:
        self.lines.append(line)
        if self.file:
            with self.file.open("a") as out:
                out.write(json.dumps(asdict(line)) + "\n")

    def on(self, store: str) -> Results:
        """Those of one store."""
        results = Results(None)
        results.lines = [line for line in self.lines if line.store == store]
        return results

    def systems(self) -> list[str]:
        return list(dict.fromkeys(line.system for line in self.lines if line.system != LIMIT))

    def figure(self, system: str, measure: str, variant: str | None = None) -> Figure | None:
        lines = [
            line
            for line in self.lines
            if (line.system, line.measure) == (system, measure) and variant in (None, line.variant)
        ]
        clean = [line for line in lines if not line.disturbed]
        if not lines:
            return None
        counted = [line.value for line in clean or lines]
        return Figure(statistics.median(counted), not clean, len(counted))

    def limits(self, measure: str) -> dict[str, Figure]:
        variants = dict.fromkeys(
            line.variant for line in self.lines if (line.system, line.measure) == (LIMIT, measure)
        )
        figures = {variant: self.figure(LIMIT, measure, variant) for variant in variants}
        return {variant: figure for variant, figure in figures.items() if figure}


def ratio(ours: Figure | None, theirs: Figure | None, unit: str) -> str:
    """How many times better ours is; nothing is said of a figure that was disturbed."""
    if ours is None or theirs is None:
        return ""
    if ours.disturbed or theirs.disturbed:
        return "?"
    better, worse = ours.value, theirs.value
    if unit != RATE:
        better, worse = worse, better
    if not worse:
        return "" if not better else "inf"
    return f"{better / worse:.3g}x"


def _share(ours: Figure | None, best: Figure | None) -> str:
    if ours is None or best is None:
        return ""
    return "?" if ours.disturbed or best.disturbed else f"{ours.value / best.value:.0%}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        yield "  ".join(cells).rstrip()


def _block(results: Results, units: dict[str, str], first: str, peers: Sequence[str]) -> list[str]:
    header = ["measure", "unit", first]
    for peer in peers:
        header += [peer, "ratio"]
    rows = [[*header, LIMIT, "share"]]
    for measure, unit in units.items():
        ours = results.figure(first, measure)
        row = [measure, unit, str(ours or "-")]
        for peer in peers:
            theirs = results.figure(peer, measure)
            row += [str(theirs or "-"), ratio(ours, theirs, unit)]
        best = max(results.limits(measure).values(), key=lambda figure: figure.value, default=None)
        rows.append([*row, str(best or ""), _share(ours, best)])
    return list(_aligned(rows))


def table(results: Results, systems: Sequence[str]) -> str:
    """A row a measure: the first system, each peer, and how many times better the first is.

    Peers that do not fit beside each other follow in further blocks.
    """
    first, *peers = systems
    units = {line.measure: line.unit for line in results.lines}
    lines: list[str] = []
    for start in range(0, max(1, len(peers)), PEERS_A_BLOCK):
        lines += [*_block(results, units, first, peers[start : start + PEERS_A_BLOCK]), ""]
    for measure in units:
        variants = results.limits(measure)
        if variants:
            listed = ", ".join(f"{variant} {figure}" for variant, figure in variants.items())
            lines.append(f"limit of {measure}: {listed}")
    if any(line.disturbed for line in results.lines):
        lines.append("~ disturbed: others used the machine in every try. Not to be quoted.")
    return "\n".join(lines)
