"""Aligned columns without a dependency: wide characters count twice, long cells are cut."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

GAP = "  "
NARROWEST = 8


def width_of(text: str) -> int:
    """Return the columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def cut(text: str, width: int) -> str:
    """Return the text, or as much of it as fits with an ellipsis behind."""
    if width_of(text) <= width:
        return text
    kept = ""
    for one in text:
        if width_of(kept + one) > width - 1:
            break
        kept += one
    return kept + "…"


def layout(headings: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None) -> list[str]:
    """Return the heading's line and a line per row. width: None for as wide as it gets."""
    cells = [list(headings)]
    numbers = [True] * len(headings)
    for row in rows:
        cells.append([_cell(value) for value in row])
        for index, value in enumerate(row):
            numbers[index] &= value is None or isinstance(value, int | float)
    widths = [max(width_of(row[index]) for row in cells) for index in range(len(headings))]
    if width is not None:
        _shrink(widths, width - len(GAP) * (len(widths) - 1))
    return [
        GAP.join(
            _align(cut(cell, widths[index]), widths[index], numbers[index] and len(cells) > 1)
            for index, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    # A line break or an escape in a job's text must not reach the terminal.
    return "".join(one if one.isprintable() else " " for one in str(value))


def _align(text: str, width: int, right: bool) -> str:
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def _shrink(widths: list[int], room: int) -> None:
    """Take from the widest column until all fit, or none can give more."""
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1
