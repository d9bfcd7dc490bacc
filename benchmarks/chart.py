#!/usr/bin/env python3
"""Bars of drain and enqueue for the README: `python benchmarks/chart.py results.jsonl chart.svg`.

An SVG without scripts or fonts of its own, readable on white and on black. What was disturbed is
left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from report import LIMIT, RATE, Line, Results, number, ratio

PANELS = {"drain": "No-op jobs run", "enqueue": "Jobs enqueued, one call each"}
STORES = {
    "sqlite": "SQLite",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "mongodb": "MongoDB",
    "sqs": "SQS (moto)",
    "sqs-10ms": "SQS (moto), 10 ms away",
}
WIDTH, NAMES, BAR, GAP, HEADING = 760, 150, 18, 7, 44
LONGEST = 430
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .note, .ratio { fill: #59636e }
  .ratio { font-size: 12px }
  .first { fill: #0b6e99 }
  .peer { fill: #a9b4c0 }
  .limit { fill: none; stroke: #a9b4c0; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note, .ratio { fill: #9198a1 }
    .first { fill: #4db5dd }
    .peer { fill: #4a5560 }
    .limit { stroke: #6b7683 }
  }
"""


@dataclass(frozen=True)
class Bar:
    name: str
    kind: str  # its class in STYLE
    value: float
    ratio: str


def draw(results: Results, file: Path) -> list[str]:
    """Write the chart; what was disturbed and therefore is not in it."""
    parts: list[str] = []
    left_out: list[str] = []
    top = 8
    for store in STORES:
        there = results.on(store)
        for measure, title in PANELS.items():
            bars, disturbed = _bars(there, measure)
            left_out += [f"{measure} of {system} on {store}" for system in disturbed]
            if not bars and not disturbed:
                continue
            parts += _panel(f"{title}, {STORES[store]}", bars, top)
            top += HEADING + len(bars) * (BAR + GAP)
            if disturbed:
                note = f"Not shown, because others disturbed it: {', '.join(disturbed)}"
                parts.append(f'<text class="note" x="0" y="{top}">{escape(note)}</text>')
                top += 18
            top += 14
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" role="img" aria-label="Rates of task queues">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )
    return left_out


def _bars(results: Results, measure: str) -> tuple[list[Bar], list[str]]:
    """The first system, its peers from fast to slow, the limit; and who was disturbed."""
    found = {system: results.figure(system, measure) for system in results.systems()}
    figures = {system: figure for system, figure in found.items() if figure}
    disturbed = [system for system, figure in figures.items() if figure.disturbed]
    clean = {system: one for system, one in figures.items() if not one.disturbed}
    if not clean:
        return [], disturbed
    first = results.systems()[0]
    ours = clean.pop(first, None)
    bars = [Bar(first, "first", ours.value, "")] if ours else []
    for system, figure in sorted(clean.items(), key=lambda item: -item[1].value):
        bars.append(Bar(system, "peer", figure.value, ratio(ours, figure, RATE)))
    limits = [figure for figure in results.limits(measure).values() if not figure.disturbed]
    if limits:
        best = max(limits, key=lambda figure: figure.value)
        bars.append(Bar(LIMIT, "limit", best.value, ""))
    return bars, disturbed


def _panel(title: str, bars: list[Bar], top: int) -> Iterator[str]:
    """The longest bar of a system fills the width; a limit beyond it is cut, with an arrow."""
    longest = max((bar.value for bar in bars if bar.kind != "limit"), default=1.0)
    yield f'<text class="title" x="0" y="{top + 16}">{escape(title)}, jobs per second</text>'
    if any(bar.ratio for bar in bars):
        note = f"and how many times faster {bars[0].name} is"
        yield f'<text class="note" x="{WIDTH}" y="{top + 16}" text-anchor="end">{note}</text>'
    for index, bar in enumerate(bars):
        y = top + HEADING - 14 + index * (BAR + GAP)
        width = max(2.0, min(1.0, bar.value / longest) * LONGEST)
        middle = y + BAR - 5
        label = number(bar.value) + (" →" if bar.value > longest else "")
        end = NAMES + width + 8
        yield f'<text x="{NAMES - 10}" y="{middle}" text-anchor="end">{escape(bar.name)}</text>'
        yield (
            f'<rect class="{bar.kind}" x="{NAMES}" y="{y}" width="{width:.1f}" height="{BAR}" '
            'rx="3"/>'
        )
        yield (
            f'<text x="{end:.1f}" y="{middle}">{label}'
            f'<tspan class="ratio" dx="10">{bar.ratio}</tspan></text>'
        )


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: chart.py RESULTS.jsonl CHART.svg")
    results = Results(None)
    try:
        for text in Path(sys.argv[1]).read_text().splitlines():
            results.lines.append(Line(**json.loads(text)))
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"chart.py: {sys.argv[1]} is not what run.py --json writes: {error}")
    for left_out in draw(results, Path(sys.argv[2])):
        print(f"disturbed, so not in the chart: {left_out}")


if __name__ == "__main__":
    main()
