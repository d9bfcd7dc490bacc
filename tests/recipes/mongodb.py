"""MongoDB: the machine's mongod, or a wheel's. A replica set of one, for change streams."""

import importlib.util
import signal
import time
from pathlib import Path

from tests.recipes.server import Missing, Server, program

SMALL = ["--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--bind_ip", "127.0.0.1"]
QUIET = ["--setParameter", "diagnosticDataCollectionEnabled=false"]


def mongod() -> Path | None:
    if found := program("mongod", "mongodb"):
        return found
    wheel = importlib.util.find_spec("fiftyone")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        path = Path(folder, "db", "bin", "mongod")
        if path.exists():
            path.chmod(0o755)
            return path
    return None


def mongodb(folder: Path) -> Server:
    server = standalone(folder)
    serve = server.serve
    server.serve = lambda port: [*serve(port), "--replSet", "rs0"]
    server.url += "?replicaSet=rs0"
    server.prepare = initiate
    return server


def standalone(folder: Path) -> Server:
    found = mongod()
    if found is None:
        raise Missing("no mongod found, not even in the wheel of the test group", installable=False)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    return Server(
        folder=folder,
        init=[found, "--version"],
        serve=lambda p: [found, "--dbpath", data, "--port", str(p), *SMALL, *QUIET],
        ready=b"Waiting for connections",
        url="mongodb://127.0.0.1:{port}/",
        stop=signal.SIGTERM,
        own=True,
    )


def without_replica_set(server: Server) -> None:
    """Change what `mongodb` returned: a server alone, which has no change streams."""
    alone = standalone(server.folder)
    server.serve, server.url, server.prepare = alone.serve, alone.url, None


def initiate(port: int) -> None:
    """Make it a replica set, and wait until it is its own primary."""
    import pymongo

    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    with pymongo.MongoClient("127.0.0.1", port, directConnection=True) as client:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        while not client.admin.command("hello")["isWritablePrimary"]:
            time.sleep(0.02)
