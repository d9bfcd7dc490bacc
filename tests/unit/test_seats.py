"""Processes that share a folder know who is alive, and wake each other."""

import os
import threading

import pytest

from django_convoy.db.seats import WAITERS, WORKERS, Seats, seats_in

FEW = range(3)


@pytest.fixture
def seats(tmp_path) -> Seats:
    return Seats(tmp_path / "site-convoy")


def in_child(work) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(work())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_everybody_has_a_seat_of_their_own(seats):
    assert [seats.take(FEW) for _ in range(4)] == [0, 1, 2, None]
    seats.leave(1)
    assert seats.take(FEW) == 1


def test_another_process_sees_who_sits_where(seats, tmp_path):
    name = seats.name(seats.take(FEW))
    folder = tmp_path / "site-convoy"
    assert in_child(lambda: Seats(folder).take(FEW)) == 1
    assert in_child(lambda: Seats(folder).sits(name)) == 1
    seats.leave(0)
    assert in_child(lambda: Seats(folder).sits(name)) == 0


def test_a_seat_is_free_the_moment_its_process_is_gone(seats, tmp_path):
    folder = tmp_path / "site-convoy"
    assert in_child(lambda: Seats(folder).take(FEW)) == 0
    assert not seats.is_taken(0)
    assert seats.take(FEW) == 0


def test_who_follows_is_not_taken_for_who_sat_there_before(seats):
    before = seats.name(seats.take(FEW))
    seats.leave(0)
    assert not seats.sits(before)
    after = seats.name(seats.take(FEW))
    assert seats.sits(after)
    assert not seats.sits(before)


@pytest.mark.parametrize("name", ["", "0", "0.", "x.00", "-1.00000000", "9999.00000000", "0.zz"])
def test_what_is_no_name_sits_nowhere(seats, name):
    seats.take(FEW)
    assert not seats.sits(name)


def test_who_asked_is_woken(seats):
    seat = seats.take(WORKERS)
    seats.listen(seat)
    threading.Timer(0.05, seats.ring, [WORKERS, 1]).start()
    seats.sleep(seat, 600)  # hangs if nobody wakes it


def test_what_rings_before_the_sleep_is_not_lost(seats):
    seat = seats.take(WORKERS)
    seats.listen(seat)
    seats.ring(WORKERS, 1)
    seats.sleep(seat, 600)


def test_who_did_not_ask_is_left_alone(seats):
    seat = seats.take(WORKERS)
    seats.listen(seat)
    seats.listen(seat, False)
    seats.ring(WORKERS, 9)
    bell = seats._mine[seat]
    with pytest.raises(BlockingIOError):
        os.read(bell, 1)


def test_only_so_many_are_woken_and_only_of_their_kind(seats):
    workers = [seats.take(WORKERS) for _ in range(3)]
    waiter = seats.take(WAITERS)
    for seat in (*workers, waiter):
        seats.listen(seat)
    seats.ring(WORKERS, 2)
    assert [seats._flags[seat] for seat in (*workers, waiter)] == [0, 0, 1, 1]


def test_a_dead_one_that_asked_costs_no_wake(seats, tmp_path):
    def die_listening() -> int:
        other = Seats(tmp_path / "site-convoy")
        other.listen(other.take(WORKERS))
        return 7

    assert in_child(die_listening) == 7
    living = seats.take(range(1, 9))
    seats.listen(living)
    seats.ring(WORKERS, 1)
    seats.sleep(living, 600)


def test_a_folder_that_cannot_be_written_has_no_seats(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert seats_in(str(blocked / "below")) is None
    assert seats_in(None) is None
