"""What a task forks behaves as it would outside of a worker."""

import pytest

from tests.worker.site import Site

SLOTS = pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)


@SLOTS
def test_a_task_may_use_a_pool_of_processes(site: Site, flags: list[str]) -> None:
    pools = [site.enqueue("with_pool", [1, 2, 3]) for _ in range(3)]
    tree = site.worker("--processes", "1", *flags)
    results = site.wait_finished(*pools, seconds=20)
    assert [one["value"] for one in results] == [[1, 4, 9]] * 3
    assert len(tree.workers()) == 1
    assert tree.stop() == 0
    assert not site.survivors()


def test_a_child_that_is_ended_as_soon_as_it_is_forked_hears_of_it(site: Site) -> None:
    job_id = site.enqueue("terminate_newborn", 200)
    tree = site.worker("--processes", "1")
    (result,) = site.wait_finished(job_id, seconds=30)
    assert result["value"] == [-15] * 200
    assert tree.stop() == 0


@SLOTS
def test_a_child_of_a_task_ends_when_it_is_told_to(site: Site, flags: list[str]) -> None:
    job_id = site.enqueue("terminate_children")
    tree = site.worker("--processes", "1", *flags)
    (result,) = site.wait_finished(job_id, seconds=20)
    assert result["value"] == {"terminate": -15, "SIGINT": 1, "SIGALRM": -14, "program": -2}
    assert tree.stop() == 0
    assert not site.survivors()
