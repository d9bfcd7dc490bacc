"""Ids are unique, and grow in the order in which jobs were made."""

import os
import threading
import uuid

from hypothesis import given
from hypothesis import strategies as some

from django_convoy.domain import ids

MANY = 20_000


def test_ids_grow_strictly():
    made = [ids.job_id() for _ in range(MANY)] + ids.job_ids(MANY) + [ids.job_id()]
    assert made == sorted(set(made))


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front():
    first, second = uuid.UUID(ids.job_id()), uuid.UUID(ids.job_ids(5000)[-1])
    assert (first.version, second.version) == (7, 7)
    assert first.variant == second.variant == uuid.RFC_4122
    assert second.int > first.int


def test_threads_share_no_id_and_each_sees_its_own_grow():
    made: list[list[str]] = []

    def work():
        made.append([one for size in (1, 7, 500) * 20 for one in ids.job_ids(size)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(some_ids == sorted(some_ids) for some_ids in made)
    everything = [one for some_ids in made for one in some_ids]
    assert len(set(everything)) == len(everything) == 8 * 20 * 508


def in_child(work) -> list[str]:
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, "\n".join(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read().split()
    os.wait()
    return said


def test_forks_share_no_id():
    parent = ids.job_ids(10)
    children = [in_child(lambda: ids.job_ids(500)) for _ in range(4)]
    parent += ids.job_ids(500)
    everything = parent + [one for child in children for one in child]
    assert len(set(everything)) == len(everything) == 2510


def test_a_fork_while_another_thread_makes_ids_does_not_hang_the_child():
    with ids._sequence.lock:
        assert len(in_child(lambda: ids.job_ids(3))) == 3


def test_a_clock_that_goes_back_breaks_no_order(monkeypatch):
    times = iter([2_000, 1_000, 1, 2_000, 2_001, 500_000])
    monkeypatch.setattr(ids, "_sequence", ids._Sequence())
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(times) * 1_000_000)
    made = [ids.job_id() for _ in range(6)]
    assert made == sorted(set(made))


def test_a_full_millisecond_flows_into_the_next(monkeypatch):
    monkeypatch.setattr(ids, "_sequence", ids._Sequence())
    monkeypatch.setattr(ids.time, "time_ns", lambda: 7_000_000)
    before = ids.job_id()
    ids._sequence.tail = (1 << 74) - 2 * ids._STEP
    made = [before, *ids.job_ids(1), *ids.job_ids(3), *ids.job_ids(3)]
    assert made == sorted(set(made))


@given(some.integers(1, 3000))
def test_a_series_can_be_told_from_its_first_id(count):
    made = ids.job_ids(count)
    assert ids.series(made[0], count) == made


def test_tokens_do_not_repeat():
    assert len({ids.token() for _ in range(MANY)}) == MANY
