"""`convoy move` takes each job to the other backend exactly once, however often it is killed."""

import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.worker.site import Site, wait_for

JOBS, PARKED, KILLS = 800, 40, 4
BACKEND = {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": []}
ELSEWHERE = "tests.worker.project.brokers.Elsewhere"
DIRECTIONS = {
    "to another database": ({"name": "database"}, {"name": "database", "alias": "other"}),
    "from a broker that parks": ({"name": ELSEWHERE, "max_delay": 900}, {"name": "database"}),
    "to a broker that parks": ({"name": "database"}, {"name": ELSEWHERE, "max_delay": 900}),
}


def ids_in(site: Site, alias: str) -> list[str]:
    """The ids of all jobs that a backend has, in its broker and in its outbox."""
    found: list[str] = site._ask("ids", alias)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_move_may_be_killed_at_any_moment_and_goes_on(
    make_site: Callable[..., Site], direction: str
) -> None:
    source, target = DIRECTIONS[direction]
    outbox = {"alias": "default"}
    site = make_site(
        options={"broker": source, "lease": 2, "outbox": outbox, "namespace": "red"},
        backends={
            "target": {
                **BACKEND,
                "OPTIONS": {"broker": target, "outbox": outbox, "namespace": "blue"},
            }
        },
        other=True,
    )
    site.environ["CONVOY_SITE_OUTBOX"] = "1"
    site.run("migrate", "--verbosity", "0", "--database", "other")
    wanted = site.enqueue_many("count", [[number] for number in range(JOBS)])
    wanted += site.enqueue_many("count", [[number] for number in range(PARKED)], run_after=3600)
    wanted += site.enqueue_many("count", [[number] for number in range(PARKED)], run_after=60)
    command = ["convoy", "move", "--from", "default", "--to", "target", "--batch", "20"]
    dice = random.Random(7)
    for _ in range(KILLS):
        before = len(ids_in(site, "target"))
        mover = subprocess.Popen(
            [sys.executable, "-m", "django", *command], env=site.environ, cwd=site.folder
        )
        wait_for(
            lambda seen=before, one=mover: (
                one.poll() is not None or len(ids_in(site, "target")) > seen
            ),
            "the move to begin",
        )
        time.sleep(dice.uniform(0, 0.1))
        mover.kill()
        mover.wait()
    left = len(ids_in(site, "default"))
    assert f"{left} jobs moved" in site.run(*command)
    assert left, "it was over before the last kill: give it more to do"
    assert ids_in(site, "default") == []
    assert ids_in(site, "target") == sorted(wanted)
