"""MariaDB, out of the distribution's packages."""

import signal
from pathlib import Path

from tests.recipes.server import Missing, Server, install, program

MARIADB = ("mariadbd", "mariadb-install-db", "my_print_defaults")


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
