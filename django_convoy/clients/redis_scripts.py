"""The Lua that runs on a Redis server: one file in `lua/` per verb, with what they share."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("lua")


@dataclass(frozen=True, slots=True)
class Script:
    """One script, and the digest that servers know it by."""

    source: str
    sha: str


@cache
def script(*names: str) -> Script:
    """Return the script that these files make together, in their order."""
    source = "\n".join((FOLDER / f"{name}.lua").read_text("utf-8") for name in names)
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
