"""Reads a page of the documentation: its fenced blocks, and what comments tell the tests.

`<!-- test: work -->`        run the jobs that wait
`<!-- test: case NAME -->`   run the TestCase that the blocks above have
`<!-- test: skip, why -->`   leave the next block out
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PART = re.compile(r"^```(\w+)\n(.*?)^```$|^<!-- test: (.+?) -->$", re.MULTILINE | re.DOTALL)


@dataclass
class Part:
    """A block (kind: its language) or a comment (kind: "test"). line: of its text."""

    kind: str
    text: str
    line: int


def parts(page: Path) -> Iterator[Part]:
    """Return the parts of a page, in order."""
    text, skip = page.read_text(encoding="utf-8"), False
    for found in _PART.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found[3]:
            skip = found[3].startswith("skip,")
            if not skip:
                yield Part("test", found[3], line)
        elif skip:
            skip = False
        else:
            yield Part(found[1], found[2], line)


def name(page: Path) -> str:
    """Return what the page is called."""
    return str(page.relative_to(ROOT))
