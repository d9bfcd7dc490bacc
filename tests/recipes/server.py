"""What every recipe for a server is made of: where its program is, who runs it, how it ends."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith("PG")}


class Missing(Exception):
    """The server cannot be had. `installable`: it could be, on this machine."""

    def __init__(self, reason: str, installable: bool) -> None:
        super().__init__(reason)
        self.installable = installable


@dataclass
class Server:
    folder: Path
    init: list[str | Path]
    serve: Callable[[int], list[str | Path]]
    ready: bytes  # what its log says when it takes connections
    url: str
    stop: signal.Signals
    own: bool = False  # runs as whoever runs us, also as root
    prepare: Callable[[int], None] | None = None  # told the port, once it takes connections
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return self.url.format(port=self.port)


def identity(*names: str) -> dict[str, object]:
    """Arguments for Popen: no server runs as root, so root becomes somebody else."""
    if os.geteuid() != 0:
        return {}
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Missing("there is no unprivileged user to run it as", installable=False)


def spawn(command: list[str | Path], folder: Path, own: bool = False) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**ENVIRON, "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **({} if own else identity("postgres", "mysql")),  # type: ignore[arg-type]
        )


def program(name: str, server: str) -> Path | None:
    folders = [os.environ.get(f"TEST_{server.upper()}_BIN", ""), os.environ.get("PATH", os.defpath)]
    found = shutil.which(name, path=os.pathsep.join([*folders, "/usr/sbin", "/usr/local/sbin"]))
    return Path(found) if found else None


def install(name: str, package: str, *choices: list[str]) -> None:
    """From the distribution: the first choice that can be had. package: for whoever has to."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        hint = f"install the package {package}, or run as root where apt-get is"
        raise Missing(f"no {name} found; {hint}", installable=False)
    print(f"installing {package} from the distribution's packages", file=sys.stderr, flush=True)
    environ = {**ENVIRON, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    apt_get = [apt, "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2"]
    output = ""

    def run(*arguments: str) -> bool:
        nonlocal output
        command = [*apt_get, *arguments]
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, errors="replace", check=False
        )
        output = (done.stdout + done.stderr).strip() or output
        return done.returncode == 0

    run("update")
    wanted = ("install", "-y", "--no-install-recommends")
    if any(run(*wanted, *choice) for choice in choices):
        return
    known = run(*wanted, "--simulate", package)
    raise Missing(f"apt-get could not install {package}: {output[-300:]}", installable=known)
