"""The soak's judge finds what must not happen."""

import pytest

from tests.worker.verdict import Stints, size_allowed


def begin(number, attempt, pid, time, last_end="-"):
    return [str(number), str(attempt), last_end, str(pid), str(time)]


def end(number, attempt, pid, time):
    return [str(number), str(attempt), str(pid), str(time)]


AGAIN = "worker_was_killed"


@pytest.mark.parametrize(
    ("began", "ended", "killed", "wrong"),
    [
        ([begin(0, 1, 7, 1.0)], [end(0, 1, 7, 2.0)], {}, ""),
        ([begin(0, 1, 7, 1.0), begin(0, 2, 8, 3.0, AGAIN)], [], {7: [(2.0, 2.0)]}, ""),
        ([begin(0, 1, 7, 1.0), begin(0, 2, 8, 3.0, AGAIN)], [end(0, 1, 7, 1.5)], {}, ""),
        ([], [], {}, "never run: 1 jobs"),
        (
            [begin(0, 1, 7, 1.0), begin(0, 1, 8, 3.0, AGAIN)],
            [],
            {7: [(2.0, 2.0)]},
            "an attempt ran twice",
        ),
        ([begin(0, 1, 7, 1.0), begin(0, 2, 8, 3.0)], [], {7: [(2.0, 2.0)]}, "does not say why"),
        ([begin(0, 1, 7, 1.0), begin(0, 2, 8, 3.0, AGAIN)], [], {}, "nobody had killed it"),
        ([begin(0, 1, 7, 1.0), begin(0, 2, 8, 3.0, AGAIN)], [], {7: [(4.0, 4.0)]}, "twice at once"),
        # Two processes had one number: each run ended with its own.
        (
            [begin(0, 1, 7, 3.0), begin(0, 2, 8, 5.0, AGAIN)],
            [],
            {7: [(2.0, 2.1), (4.0, 4.1), (9.0, 9.1)]},
            "",
        ),
        (
            [begin(0, 1, 7, 3.0), begin(0, 2, 8, 5.0, AGAIN)],
            [],
            {7: [(2.0, 2.1), (9.0, 9.1)]},
            "twice at once",
        ),
        (
            [begin(0, 1, 7, 3.0), begin(0, 2, 8, 5.0, AGAIN)],
            [],
            {7: [(2.0, 2.1)]},
            "nobody had killed it",
        ),
        (
            [begin(0, 1, 7, 1.0), begin(0, 2, 8, 3.0, AGAIN)],
            [end(0, 1, 7, 5.0)],
            {7: [(6.0, 6.0)]},
            "twice at once",
        ),
    ],
)
def test_what_is_lost_or_runs_beside_itself_is_found(began, ended, killed, wrong):
    found = Stints.read(began, ended).wrong([0], killed)
    assert (len(found), wrong in "".join(found)) == (int(bool(wrong)), True), found


def test_what_was_not_promised_may_be_missing():
    assert Stints.read([], []).wrong([], {}) == []


def test_the_size_allowed_does_not_grow_with_the_length_of_a_run():
    assert size_allowed(2_000, 500) == 10 * 2_000 * 410 + 180 * 500 * 710
    half_an_hour = 30 * 60 * 500 * 710
    assert size_allowed(2_000, 500) < half_an_hour / 8
