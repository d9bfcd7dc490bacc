"""Many coroutines may wait at once, and each can be called off."""

import asyncio
import threading
import time

import pytest
from django.db import connections

from django_convoy import ResultTimeout
from django_convoy.runtime import runtime_of
from tests.api.tasks import add
from tests.databases import on_each_database
from tests.working import work

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = 3.0
"""Seconds; what is promised takes one, or next to none."""


def in_thread(work):
    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@on_each_database
def test_a_hundred_waits_of_a_second_take_a_second(alias, settings):
    options = {"broker": {"name": "database", "alias": alias}}
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}
    result = add.enqueue(1)

    async def wait():
        waits = [result.await_(timeout=1) for _ in range(100)]
        return await asyncio.gather(*waits, return_exceptions=True)

    begin = time.monotonic()
    ends = asyncio.run(wait())
    assert time.monotonic() - begin < SLOW
    assert [type(end) for end in ends] == [ResultTimeout] * 100
    work()
    assert asyncio.run(result.await_()).return_value == 1


def test_a_wait_that_is_called_off_ends_at_once():
    result = add.enqueue(1)

    async def wait():
        waiting = asyncio.create_task(result.await_())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    begin = time.monotonic()
    asyncio.run(wait())  # it joins the threads of its loop: none of them may still wait
    assert time.monotonic() - begin < SLOW


def test_a_wait_is_called_off_even_while_the_store_does_not_answer(monkeypatch):
    result, store = add.enqueue(1), runtime_of("default").shared.store
    asked, answer = threading.Event(), threading.Event()

    def get(job_id):
        asked.set()
        answer.wait()

    monkeypatch.setattr(store, "get", get)

    async def wait():
        async with asyncio.timeout(0.1):
            await result.await_()

    try:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            asyncio.run(wait())
        assert time.monotonic() - begin < SLOW
        assert asked.is_set()
    finally:
        answer.set()


def test_those_who_wait_leave_the_event_loop_its_threads():
    result = add.enqueue(1)

    async def wait():
        waits = [asyncio.create_task(result.await_(timeout=1)) for _ in range(50)]
        await asyncio.sleep(0.1)
        begin = time.monotonic()
        await asyncio.to_thread(lambda: None)
        took = time.monotonic() - begin
        await asyncio.gather(*waits, return_exceptions=True)
        return took

    assert asyncio.run(wait()) < 0.5


def test_all_who_wait_hear_of_the_end(run_jobs):
    results = [add.enqueue(number) for number in range(5)]
    workers = []

    async def wait():
        waits = [asyncio.create_task(one.await_(timeout=30)) for one in results * 3]
        await asyncio.sleep(0.05)
        workers.append(in_thread(run_jobs))
        return await asyncio.gather(*waits)

    ended = asyncio.run(wait())
    for worker in workers:
        worker.join()
    assert [one.return_value for one in ended] == [0, 1, 2, 3, 4] * 3


def test_nothing_stays_open_behind_the_last_wait():
    result = add.enqueue(1)
    with pytest.raises(ResultTimeout):
        asyncio.run(result.await_(timeout=0.05))
    deadline = time.monotonic() + SLOW
    while any(one.name.startswith("convoy-results") for one in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_wait_of_no_time_looks_once(run_jobs):
    result = add.enqueue(1)
    with pytest.raises(ResultTimeout):
        asyncio.run(result.await_(timeout=0))
    run_jobs()
    assert asyncio.run(result.await_(timeout=0)).return_value == 1
