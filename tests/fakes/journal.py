"""What a fake keeps over a restart: the last value of each key, in a file of lines.

A line is written before the request is answered, and not flushed to the disk: it outlives the
process, as much as its tests kill.
"""

import json
from pathlib import Path
from typing import Any


class Journal:
    """A dictionary that comes back. path: None to keep nothing."""

    def __init__(self, path: Path | None) -> None:
        self.values: dict[str, Any] = {}
        self._file = None
        if path is None:
            return
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    key, value = json.loads(line)
                except ValueError:
                    continue  # torn by a kill, and never answered
                self.values.pop(key, None)
                if value is not None:
                    self.values[key] = value
        self._file = path.open("a", buffering=1)

    def write(self, key: str, value: Any) -> None:
        """Keep a value; None: forget it."""
        if self._file is not None:
            self._file.write(json.dumps([key, value]) + "\n")
