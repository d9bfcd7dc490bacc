"""Which CPUs each worker gets."""

import os

import pytest

from django_convoy.worker.affinity import assign
from tests.worker.site import Site, kill, wait_for


@pytest.mark.parametrize(
    ("cpus", "workers", "each", "expected"),
    [
        (4, 4, 1, [[0], [1], [2], [3]]),
        (4, 4, 2, [[0, 1], [2, 3], [0, 1], [2, 3]]),
        (4, 8, 1, [[0], [1], [2], [3], [0], [1], [2], [3]]),
        (
            8,
            8,
            3,
            [
                [0, 1, 2],
                [3, 4, 5],
                [6, 7, 0],
                [1, 2, 3],
                [4, 5, 6],
                [7, 0, 1],
                [2, 3, 4],
                [5, 6, 7],
            ],
        ),
        (2, 3, 2, [[0, 1], [0, 1], [0, 1]]),
    ],
)
def test_cpus_are_dealt_round_and_round(
    cpus: int, workers: int, each: int, expected: list[list[int]]
) -> None:
    assert [list(one) for one in assign(range(cpus), workers, each)] == expected


def test_cpus_are_those_this_process_may_use() -> None:
    assert assign([3, 5, 9], 4, 1) == ((3,), (5,), (9,), (3,))


@pytest.mark.parametrize("each", [0, -1, 5])
def test_out_of_range_means_all_of_them_and_a_warning(
    each: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert assign(range(4), 2, each) == ((0, 1, 2, 3), (0, 1, 2, 3))
    assert f"affinity {each} is out of range" in caplog.text


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the platform cannot bind")
def test_workers_are_bound_and_so_are_their_replacements(site: Site) -> None:
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        pytest.skip("one CPU")
    tree = site.worker("--processes", "2", "--affinity", "1")
    wait_for(lambda: len(tree.workers()) == 2, "two workers")

    def bound() -> list[list[int]]:
        return sorted(sorted(os.sched_getaffinity(pid)) for pid in tree.workers())

    wait_for(lambda: bound() == [[mine[0]], [mine[1]]], lambda: str(bound()))
    old = tree.workers()
    for worker in old:
        kill(worker)
        wait_for(lambda pid=worker: pid not in tree.workers(), "its end")
        wait_for(lambda: len(tree.workers()) == 2 and bound() == [[mine[0]], [mine[1]]], "both")
    assert not set(tree.workers()) & set(old)
    assert os.sched_getaffinity(tree.steward()) == set(mine)
    assert tree.stop() == 0
