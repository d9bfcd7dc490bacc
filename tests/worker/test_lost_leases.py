"""A lease that went to another: whoever lost it changes nothing, and the site says what it does."""

from collections.abc import Callable

import pytest

from tests.worker.site import Site, Tree, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


def lose(site: Site, job_id: str) -> None:
    """As if this host had been cut off for longer than a lease."""
    site.sql(
        "UPDATE convoy_job SET state = 'ready', token = '', wake_at = NULL WHERE id = %s", job_id
    )


def begin(site: Site, *flags: str) -> tuple[Tree, str]:
    job_id = site.enqueue("slow", "me", 4)
    tree = site.worker("--processes", "2", *flags)
    site.wait_journal("start", "me", 1)
    wait_for(lambda: len(tree.workers()) == 2, "two workers")
    lose(site, job_id)
    site.wait_journal("start", "me", 2)
    return tree, job_id


@pytest.mark.parametrize("flags", [(), ("--threads", "2")], ids=" ".join)
def test_it_may_finish_and_its_outcome_is_not_kept(
    make_postgres_site: Callable[..., Site], flags: list[str]
) -> None:
    site = make_postgres_site(options={"lease": 2})
    tree, job_id = begin(site, *flags)
    site.wait_journal("end", "me", 1)
    site.wait_journal("end", "me", 2)
    site.wait_empty()
    assert site.attempts(job_id) == 2
    assert site.sql("SELECT count(*) FROM convoy_history") == [[1]]
    assert "lease is lost while it runs" in tree.log
    assert "its outcome was not kept" in tree.log
    assert tree.stop() == 0


def test_it_may_be_killed_at_once(make_postgres_site: Callable[..., Site]) -> None:
    site = make_postgres_site(options={"lease": 2, "on_lost_lease": "kill"})
    tree, job_id = begin(site)
    site.wait_journal("end", "me", 2)
    site.wait_empty()
    assert not site.journal("end", "me", 1)
    assert site.attempts(job_id) == 2
    assert not site.note(job_id).get("crashes")
    wait_for(lambda: len(tree.workers()) == 2, "a replacement")
    assert "because the lease of its job was lost" in tree.log
    assert tree.stop() == 0
