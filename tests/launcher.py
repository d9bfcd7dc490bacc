"""Starts throw-away servers: `python -m tests.launcher postgres valkey ...`, as in `RECIPES`.

Prints one line of JSON when they answer, and ends them with their data when its standard input
closes or its parent is gone, so that not even a killed test run leaves one behind.
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.recipes import PROGRAMS, RECIPES
from tests.recipes.server import Missing, Server, identity, spawn


def prepare(name: str, folder: Path) -> Server:
    folder.mkdir()
    if user := identity("postgres", "mysql"):
        os.chown(folder, user["user"], user["group"])  # type: ignore[arg-type]
    server = RECIPES[name](folder)
    server.process = spawn(server.init, folder, server.own)
    return server


def start(server: Server) -> None:
    if server.process is None or server.process.wait(60):
        raise Missing(f"its data could not be made: {tail(server)}", installable=True)
    launch(server)


def launch(server: Server) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server.port = probe.getsockname()[1]
    server.process = spawn(server.serve(server.port), server.folder, server.own)


def wait(server: Server, attempts: int = 3) -> None:
    end = time.monotonic() + 30
    while server.ready not in (server.folder / "log").read_bytes():
        if server.process is not None and server.process.poll() is not None:
            if attempts == 1:
                raise Missing(f"it ended at once: {tail(server)}", installable=True)
            launch(server)  # somebody else may have taken the port
            return wait(server, attempts - 1)
        if time.monotonic() > end:
            raise Missing(f"it does not answer: {tail(server)}", installable=True)
        time.sleep(0.02)
    if server.prepare is not None:
        server.prepare(server.port)
    return None


def tail(server: Server) -> str:
    return (server.folder / "log").read_text(errors="replace")[-500:].strip()


def stop(servers: dict[str, Server]) -> None:
    running = [s for s in servers.values() if s.process and s.process.poll() is None]
    for server in running:
        server.process.send_signal(server.stop)
    for server in running:
        try:
            server.process.wait(10)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


def bring_up(
    names: list[str],
    folder: Path,
    servers: dict[str, Server],
    missing: dict[str, tuple[str, bool]],
) -> None:
    """Fill `servers` with those that answer, `missing` with why the others do not."""
    for step in (prepare, start, wait):  # each step of all at once, so that they overlap
        for name in [name for name in names if name not in missing]:
            try:
                if step is prepare:
                    servers[name] = prepare(name, folder / name)
                else:
                    step(servers[name])  # type: ignore[call-arg,arg-type]
            except (Missing, OSError, subprocess.SubprocessError) as problem:
                missing[name] = (str(problem), getattr(problem, "installable", True))


def look_up(names: list[str], missing: dict[str, tuple[str, bool]]) -> dict[str, str]:
    """Return the paths of programs, without which some tests cannot be run either."""
    found = {}
    for name in names:
        try:
            found[name] = str(PROGRAMS[name]())
        except Missing as problem:
            missing[name] = (str(problem), problem.installable)
    return found


def main(names: list[str]) -> None:
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    folder = Path(tempfile.mkdtemp(prefix="convoy-test-"))
    folder.chmod(0o711)  # the servers may be another user's
    (folder / "site").mkdir(mode=0o700)
    servers: dict[str, Server] = {}
    missing: dict[str, tuple[str, bool]] = {}
    try:
        found = look_up([name for name in names if name in PROGRAMS], missing)
        names = [name for name in names if name in RECIPES]
        bring_up([name for name in names if name != "pgbouncer"], folder, servers, missing)
        if "postgres" in servers and "postgres" not in missing:
            os.environ["CONVOY_TEST_POSTGRES"] = servers["postgres"].address
        bring_up([name for name in names if name == "pgbouncer"], folder, servers, missing)
        urls = {name: one.address for name, one in servers.items() if name not in missing}
        answer = {"folder": str(folder), "urls": urls | found, "missing": missing}
        print(json.dumps(answer), flush=True)
        while os.getppid() == parent:
            if select.select([sys.stdin], [], [], 0.5)[0] and not os.read(0, 4096):
                break
    finally:
        stop(servers)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "none"])
