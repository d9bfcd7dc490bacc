"""Redis servers of a test's own: one that keeps what it acknowledged, and a cluster of one node."""

from collections.abc import Callable
from pathlib import Path

import redis

from tests.recipes.server import Server as Recipe
from tests.worker.servers import Server
from tests.worker.site import wait_for

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


def with_options(*options: str) -> Callable[[Recipe], None]:
    """Return a change of a recipe: further options of the server."""

    def change(recipe: Recipe) -> None:
        serve = recipe.serve
        recipe.serve = lambda port: [*serve(port), *options]

    return change


def redis_cluster(folder: Path) -> Server:
    """Start a node that has all slots."""
    server = Server("valkey", folder, with_options("--cluster-enabled", "yes"))
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: client.cluster("info")["cluster_state"] == "ok", "a whole cluster")
    return server


def sentinel(folder: Path, service: str, url: str, password: str) -> Server:
    """Start a sentinel that watches one server."""
    host, port = url.removeprefix("redis://").partition("/")[0].split(":")
    settings = folder / "sentinel.conf"
    settings.write_text(
        f"sentinel monitor {service} {host} {port} 1\nsentinel auth-pass {service} {password}\n"
    )

    def change(recipe: Recipe) -> None:
        program = recipe.init[0]
        recipe.serve = lambda port: [program, settings, "--sentinel", "--port", str(port)]
        recipe.ready = b"monitor master"

    return Server("valkey", folder, change)
