"""What a subcommand writes to: text for people, or one JSON document for programs."""

import contextlib
import json
import os
import select
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.management.color import Style

from django_convoy.management.table import layout


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


READER_GONE = 128 + 13
"""The exit status where nobody reads any more: that of a shell for SIGPIPE."""


@contextlib.contextmanager
def until_nobody_reads() -> Iterator[None]:
    """End without a word when whoever reads standard output has seen enough, as `head` has."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if _somebody_reads():
            raise  # it was another pipe
        # What could not be written is tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(READER_GONE)


def _somebody_reads() -> bool:
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are told unasked
    return not poll.poll(0)


class Output:
    """The two streams of a command.

    as_json: only `data` writes to standard output; lines and tables are left out.
    """

    def __init__(
        self, stdout: OutputWrapper, stderr: OutputWrapper, style: Style, *, as_json: bool
    ) -> None:
        self.as_json = as_json
        self.style = style
        self._stdout = stdout
        self._stderr = stderr

    def line(self, text: str = "") -> None:
        """Write a line for people."""
        if not self.as_json:
            self._stdout.write(text)

    def title(self, text: str) -> None:
        """Write the heading of a part."""
        self.line(self.style.MIGRATE_HEADING(text))

    def warn(self, text: str) -> None:
        """Write a line to standard error, whatever the format."""
        self._stderr.write(self.style.WARNING(text))

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write aligned columns, as wide as the terminal, in full where it is none."""
        width = shutil.get_terminal_size().columns if self._stdout.isatty() else None
        heading, *lines = layout(headings, rows, width)
        self.line(self.style.MIGRATE_LABEL(heading))
        for line in lines:
            self.line(line)

    def data(self, value: Any) -> None:
        """Write JSON, for programs."""
        if self.as_json:
            self._stdout.write(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))

    def ask(self, question: str) -> bool:
        """Return whether the user says yes; nobody there is a no."""
        try:
            return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False
