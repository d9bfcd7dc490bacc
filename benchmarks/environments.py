"""One virtualenv for each system, all on the same Python, kept in `.envs/` of the checkout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = CHECKOUT / ".envs"
WANTED = ("3.13", "3.12")
PROBE = """
import ensurepip, json, sqlite3, sys, venv
executable = getattr(sys, "_base_executable", sys.executable)  # not that of a virtualenv
print(json.dumps([executable, sys.version.split()[0], sqlite3.sqlite_version]))
"""


class NoPythonError(Exception):
    """None of the wanted Pythons can be started."""


class NotInstallableError(Exception):
    """pip cannot install what a system or a server needs."""


@dataclass(frozen=True)
class Interpreter:
    executable: Path
    version: str
    sqlite: str


def create_folder() -> Path:
    """`.envs/`, which git ignores whatever the checkout's own rules say."""
    ENVIRONMENTS.mkdir(exist_ok=True)
    (ENVIRONMENTS / ".gitignore").write_text("*\n")
    return ENVIRONMENTS


def probe(candidate: str | Path) -> Interpreter | None:
    """What it is, if this is a Python that can make virtualenvs."""
    try:
        answer = subprocess.run(
            [str(candidate), "-c", PROBE], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    executable, version, sqlite = json.loads(answer.stdout)
    return Interpreter(Path(executable), version, sqlite)


def _candidates(version: str) -> Iterator[str | Path]:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    managed = (
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions",
        Path.home() / ".local/share/uv/python",
    )
    for folder in managed:
        yield from sorted(folder.glob(f"*{version}.*/bin/python{version}"), reverse=True)


def find_python(wanted: str | None) -> Interpreter:
    """The given Python, or the newest of 3.13 and 3.12 on this machine."""
    if wanted:
        choices: list[str | Path] = [wanted]
    else:
        choices = [candidate for version in WANTED for candidate in _candidates(version)]
    for candidate in choices:
        if (found := probe(candidate)) is not None:
            return found
    names = wanted or " or ".join(f"Python {version}" for version in WANTED)
    raise NoPythonError(f"{names} was not found; give one with --python")


def ensure(name: str, requirements: Sequence[str], python: Path, *, upgrade: bool) -> Path:
    """The python of the system's virtualenv, made or remade where what goes into it has changed."""
    folder = create_folder() / f"bench-{name}"
    project = (CHECKOUT / "pyproject.toml").read_bytes() if "-e" in requirements else b""
    contents = json.dumps([str(python), *requirements, hashlib.sha256(project).hexdigest()])
    made_of = folder / "made-of.json"
    inside = folder / "bin/python"
    if made_of.exists() and made_of.read_text() == contents and not upgrade:
        return inside
    print(f"# installing {name} into {folder.relative_to(CHECKOUT)}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([str(python), "-m", "venv", str(folder)], check=True)
    install = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*install, *requirements], stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise NotInstallableError(f"pip cannot install it: {_reason(done.stderr)}")
    made_of.write_text(contents)
    return inside


def _reason(said: str) -> str:
    """The errors that pip names, else the end of what it said."""
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if "ERROR: " in line]
    return "; ".join(dict.fromkeys(errors)) or said.strip()[-300:] or "it does not say why"
