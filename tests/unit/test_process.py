"""The process is known without a system call, and a fork is noticed however it was made."""

import ctypes
import os
import sys

import pytest

from django_convoy.domain import ids, process


def child_of(fork) -> tuple[int, int, str]:
    """Fork; return the id of the child, and what it said: its id, and one that it made."""
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        os.write(writing, f"{process.pid()} {ids.job_id()}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read().split()
    os.waitpid(child, 0)
    return child, int(said[0]), said[1]


def test_it_is_this_process():
    assert process.pid() == process.pid() == os.getpid()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("has_page", [True, False])
def test_a_fork_is_noticed(monkeypatch, heard, has_page):
    if not has_page:
        monkeypatch.setattr(process, "_filled", None)
    fork = os.fork if heard else ctypes.PyDLL(None).fork  # the latter as uWSGI does it
    before = ids.job_id()
    child, said, made = child_of(fork)
    assert said == child
    assert process.pid() == os.getpid()
    assert made not in {before, ids.job_id()}
    assert made[20:] != before[20:]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux empties pages")
def test_linux_spares_the_system_call(monkeypatch):
    process.pid()
    monkeypatch.setattr(process.os, "getpid", None)
    assert process.pid() > 0


def test_where_advice_is_taken_and_not_followed_it_is_asked(monkeypatch):
    class Yes:
        def __init__(self, *_args, **_kwargs):
            pass

        def madvise(self, _advice):
            pass

    monkeypatch.setattr(process.mmap, "mmap", Yes)
    assert process._page() is None
