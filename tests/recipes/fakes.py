"""Servers that speak the protocol of what cannot be had: see `tests/fakes`."""

import signal
import sys
from pathlib import Path

from tests.recipes.server import Server

ROOT = Path(__file__).resolve().parents[2]
SECOND = "0.2"
"""Seconds that a second of the run's own ones lasts: leases and delays are whole seconds."""


def ironmq(folder: Path, *options: str) -> Server:
    """It gives leases of a second and more; the real one does of half a minute."""
    given = options or ("--second", SECOND)
    return fake("ironmq", folder, "http://127.0.0.1:{port}", "--least", "1", *given)


def disque(folder: Path, *options: str) -> Server:
    given = options or ("--second", SECOND)
    return fake("disque", folder, "disque://127.0.0.1:{port}", *given)


def fake(name: str, folder: Path, url: str, *options: str) -> Server:
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; from tests.fakes.{name} import main; main()"
    begin: list[str | Path] = [sys.executable, "-c", code]
    return Server(
        folder=folder,
        init=[sys.executable, "--version"],
        serve=lambda port: [*begin, "--port", str(port), *options],
        ready=b"ready",
        url=url,
        stop=signal.SIGTERM,
        own=True,
    )
