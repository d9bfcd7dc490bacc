"""A body that never lets go of the interpreter keeps its lease: nothing live runs twice."""

import os
from collections.abc import Callable

import pytest

from tests.worker.site import Site

HELD_SECONDS = float(os.environ.get("CONVOY_TEST_HELD_SECONDS", "12"))
"""60 with a lease of 5 s is what the promise was measured with."""
LEASE = max(3.0, HELD_SECONDS / 12)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)
def test_a_counting_loop_longer_than_many_leases_runs_once(
    make_site: Callable[..., Site], flags: list[str]
) -> None:
    site = make_site(options={"lease": LEASE if not flags else 2})
    seconds = HELD_SECONDS if not flags else 6
    job_id = site.enqueue("hold_interpreter", "me", seconds)
    tree = site.worker("--processes", "2", *flags)
    (result,) = site.wait_finished(job_id, seconds=HELD_SECONDS * 10)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert len(site.journal("start")) == len(site.journal("end")) == 1
    ((_, _, held),) = site.journal("held")
    assert float(held) > 2 * (LEASE if not flags else 2), "the body was too quick to show it"
    assert not site.note(job_id).get("ended")
    assert tree.stop() == 0


def test_a_second_tree_leaves_a_held_job_alone(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 2})
    job_id = site.enqueue("freeze_interpreter", "me", 6)
    site.worker("--processes", "1")
    site.wait_journal("start", "me")
    site.worker("--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert len(site.journal("start")) == 1
