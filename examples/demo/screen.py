"""What the demo shows: a bar, then a table; plain lines where there is no terminal."""

import shutil
import sys
import time
from collections.abc import Iterable
from typing import TextIO

LINE_EVERY = 2.0
CLEAR = "\r\033[K"


class Screen:
    """Writes to one stream, and knows what it can show."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self._full, self._empty = ("█", "░") if self._can_show("█░·") else ("#", "-")
        self._shown = -LINE_EVERY

    def _can_show(self, text: str) -> bool:
        try:
            text.encode(self._stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def say(self, text: str = "") -> None:
        """Write a line; the bar, if there is one, comes again below it."""
        if self.is_terminal:
            self._stream.write(CLEAR)
        if not self._can_show(text):
            text = text.encode("ascii", "replace").decode()
        self._stream.write(text + "\n")
        self._stream.flush()

    def title(self, text: str) -> None:
        """Write a heading."""
        self.say(f"\033[1m{text}\033[0m" if self.is_terminal else text)

    def bar(self, label: str, done: int, total: int, note: str = "") -> None:
        """Show how far it is: in place, or as a line now and then."""
        counted = f"{done:,} of {total:,}"
        if not self.is_terminal:
            if time.monotonic() - self._shown >= LINE_EVERY:
                self._shown = time.monotonic()
                self.say(f"{label}: {counted}  {note}".rstrip())
            return
        room = shutil.get_terminal_size().columns - len(label) - len(counted) - len(note) - 8
        width = max(5, min(40, room))
        filled = width * done // total if total else width
        picture = self._full * filled + self._empty * (width - filled)
        self._stream.write(f"{CLEAR}{label}  {picture}  {counted}  {note}")
        self._stream.flush()

    def note(self, text: str) -> None:
        """Show a line in place, where there is a terminal."""
        if self.is_terminal:
            self._stream.write(CLEAR + text)
            self._stream.flush()

    def clear(self) -> None:
        """Take the bar away."""
        if self.is_terminal:
            self._stream.write(CLEAR)
            self._stream.flush()

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Write names and what they are, aligned."""
        rows = list(rows)
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self.say(f"  {name:<{width}}  {value}")
