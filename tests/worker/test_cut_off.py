"""A worker whose broker is out of reach says so in `convoy status`, by a database that is not."""

import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.postgres import Server
from tests.worker.site import Site, wait_for


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="convoy-cut-off-"))
    folder.chmod(0o711)  # the server may be another user's
    made = None
    try:
        made = Server(folder)
        yield made
    finally:
        if made is not None:
            made.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def status(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.run("convoy", "status", "--json"))
    return found


def cut_off(site: Site) -> Any:
    workers = status(site)["workers"]
    return workers[0]["cut_off"] if workers else None


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_since_when_and_why_it_is_cut_off(
    make_site: Callable[..., Site], server: Server, busy: bool
) -> None:
    site = make_site(
        options={
            "lease": 3,
            "broker": {"name": "tests.worker.project.brokers.Elsewhere"},
            "store": {"name": "database", "alias": "default"},
        },
        other=server.database(),
    )
    site.run("migrate", "--verbosity", "0", "--database", "other")
    if busy:
        site.enqueue("slow", "me", 25)
    else:
        site.enqueue("quick", "one")
    site.worker("--processes", "1")
    site.wait_journal("start" if busy else "quick")
    wait_for(lambda: status(site)["workers"], site.logs)
    assert cut_off(site) is None
    server.stop()
    told = wait_for(lambda: cut_off(site), site.logs)
    assert "other" in told["why"]
    assert told["since"]
    text = site.run("convoy", "status")
    assert "The broker cannot be reached: database 'other'" in text
    assert "running, cut off" in text
    assert "is cut off from its broker since" in text
    server.start()
    site.forget_client()
    wait_for(lambda: not cut_off(site), site.logs)
    if not busy:
        site.enqueue("quick", "two")
        site.wait_journal("quick", "two")
