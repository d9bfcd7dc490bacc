"""A Chromium, of the system or out of the distribution's packages. Tests start it themselves."""

import importlib.util
from pathlib import Path

from tests.recipes.server import Missing, install, program

NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser() -> Path:
    """Return its executable. Raises Missing."""
    if importlib.util.find_spec("playwright") is None:
        raise Missing("no playwright found, which is in the test group", installable=True)
    found = _found()
    if found is None:
        install("Chromium", "chromium", ["chromium"], ["chromium-browser"])
        found = _found()
    if found is None:
        raise Missing(f"none of these is there: {', '.join(NAMES)}", installable=False)
    return found


def _found() -> Path | None:
    return next(filter(None, (program(name, "chromium") for name in NAMES)), None)
