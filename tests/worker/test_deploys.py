"""A site is deployed while its workers run: tables change under them, or are not there yet."""

from collections.abc import Callable

import pytest

from tests.worker.site import Site, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

ROUNDS = 3
JOBS = 80
"""As many as keep two workers busy for as long as `migrate` takes."""


def test_workers_go_on_while_their_tables_are_migrated(
    make_postgres_site: Callable[..., Site],
) -> None:
    site = make_postgres_site(options={"lease": 5})
    tree = site.worker("--processes", "2")
    steward = tree.steward()
    wait_for(lambda: len(tree.workers()) == 2, "two workers")
    workers = set(tree.workers())
    jobs = 0
    for _ in range(ROUNDS):
        for target in ["0001"], []:  # back to the first, and forwards to the newest
            site.enqueue_many("count", [[jobs + number, 0.02] for number in range(JOBS)])
            site.wait_journal("count", count=jobs + 1)  # they are at it
            site.run("migrate", "convoy", *target, "--verbosity", "0")
            jobs += JOBS
            site.wait_journal("count", count=jobs)  # and go on
    site.wait_empty()
    over = site.sql("SELECT status, count(*), count(DISTINCT id) FROM convoy_history GROUP BY 1")
    assert over == [["SUCCESSFUL", jobs, jobs]]
    runs = [line[1] for line in site.journal("count")]
    assert len(runs) == len(set(runs)) == jobs
    assert set(tree.workers()) == workers, tree.log
    assert tree.steward() == steward
    assert tree.stop() == 0


def test_a_worker_without_its_tables_says_to_migrate(
    make_postgres_site: Callable[..., Site],
) -> None:
    site = make_postgres_site(migrated=False)
    tree = site.worker("--processes", "1")
    assert tree.wait() != 0
    (said,) = tree.log.splitlines()
    assert "run `manage.py migrate`" in said
    assert not site.survivors()
