"""What the workers of these tests are asked to do, good and bad."""

import asyncio
import builtins
import ctypes
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from django_convoy import task
from tests.app.models import Note
from tests.worker.project import journal

# Elsewhere such tasks are refused, and with them the module.
IN_DATABASE = "broker" not in settings.TASKS["default"]["OPTIONS"] or (
    settings.TASKS["default"]["OPTIONS"]["broker"]["name"] == "database"
)


@task
def add(a, b):
    return a + b


@task
def quick(name):
    journal.write("quick", name)


@task
def tick(name, intended=None):
    """One line per run of a schedule, with the time for which it was."""
    journal.write("tick", name, intended.timestamp() if intended else "-", time.time())


@task(takes_context=True)
def count(context, number, seconds=0.0):
    """One line per run, with its attempt and how the one before ended."""
    journal.write("count", number, context.attempt, context.last_end.replace(" ", "_") or "-")
    if seconds:
        time.sleep(seconds)
    return number


@task(takes_context=True)
def stint(context, number, seconds=0.0):
    """Says when it begins and ends, by a clock that all processes of the host share."""
    who = number, context.attempt
    ended = context.last_end.replace(" ", "_") or "-"
    journal.write("began", *who, ended, os.getpid(), time.monotonic())
    if seconds:
        time.sleep(seconds)
    journal.write("ended", *who, os.getpid(), time.monotonic())
    return number


@task(takes_context=True)
def slow(context, name, seconds):
    journal.write("start", name, context.attempt, os.getpid())
    time.sleep(seconds)
    journal.write("end", name, context.attempt, os.getpid())
    return name


@task(takes_context=True, delivery="at_most_once")
def slow_once(context, name, seconds):
    journal.write("start", name, context.attempt, os.getpid())
    time.sleep(seconds)
    journal.write("end", name, context.attempt, os.getpid())


@task(takes_context=True, kill_on_stop=True)
def slow_killed_on_stop(context, name, seconds):
    """Slow at its first attempt."""
    journal.write("start", name, context.attempt, os.getpid())
    time.sleep(seconds if context.attempt == 1 else 0.1)
    journal.write("end", name, context.attempt, os.getpid())


@task(takes_context=True)
async def slow_async(context, name, seconds):
    journal.write("start", name, context.attempt, os.getpid())
    await asyncio.sleep(seconds)
    journal.write("end", name, context.attempt, os.getpid())
    return name


@task
async def add_async(a, b):
    await asyncio.sleep(0)
    return a + b


@task(takes_context=True)
def hold_interpreter(context, name, seconds):
    """Count in C calls of many seconds, during which the interpreter is not let go of."""
    journal.write("start", name, context.attempt, os.getpid())
    numbers = 2_000_000
    began = time.perf_counter()
    sum(range(numbers))
    rate = numbers / (time.perf_counter() - began)
    began = time.perf_counter()
    # Once more where the machine was slower when the rate was measured.
    while (left := seconds - (time.perf_counter() - began)) > 0.2:
        sum(range(int(rate * left)))
    journal.write("held", name, round(time.perf_counter() - began, 2))
    journal.write("end", name, context.attempt, os.getpid())


@task(takes_context=True)
def freeze_interpreter(context, name, seconds):
    """Sleep in C without letting go of the interpreter; signals do not end it."""
    journal.write("start", name, context.attempt, os.getpid())
    library = ctypes.PyDLL(None)
    end = time.monotonic() + seconds
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    library.usleep(int(1_000_000 * (end - time.monotonic())))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    journal.write("end", name, context.attempt, os.getpid())


@task(takes_context=True)
def catch_timeout(context, name, seconds):
    from django_convoy import TimeoutExceeded

    journal.write("start", name, context.attempt)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            time.sleep(0.05)  # in a thread, the exception comes between two of these
    except TimeoutExceeded:
        journal.write("caught", name, context.attempt)
        return "caught"
    return "not reached"


@task(takes_context=True)
def swallow_everything(context, name, seconds):
    journal.write("start", name, context.attempt, os.getpid())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.05)
        except BaseException:
            journal.write("swallowed", name, context.attempt)
    journal.write("end", name, context.attempt)


def pause(failures):
    return 0.2 if failures == 1 else 1.0


@task(takes_context=True)
def fail_until(context, name, attempt):
    journal.write("try", name, context.attempt, time.time())
    if context.attempt < attempt:
        raise ValueError(f"attempt {context.attempt} of {name}")
    return context.last_end


@task(takes_context=True)
def weigh(context, text, name, attempt=1, seconds=0.0):
    """A line per run; fails before an attempt."""
    journal.write("weigh", name, context.attempt, len(text), os.getpid())
    time.sleep(seconds if context.attempt == 1 else 0.0)
    if context.attempt < attempt:
        raise ValueError(f"attempt {context.attempt} of {name}")
    return hashlib.sha256(text.encode()).hexdigest()


@task(takes_context=True, delivery="at_most_once")
def weigh_once(context, text, name):
    journal.write("weigh", name, context.attempt, len(text), os.getpid())
    return hashlib.sha256(text.encode()).hexdigest()


@task
def misbehave(how):
    journal.write("misbehave", how)
    if how == "SystemExit":
        sys.exit(3)
    if how == "KeyboardInterrupt":
        raise KeyboardInterrupt
    if how == "fork":
        os.fork()
    if how == "close":
        connection.close()
    if how == "close underneath":
        connection.ensure_connection()
        connection.connection.close()
    if how == "transaction":
        transaction.set_autocommit(False)
        Note.objects.create(text="never committed")
    if how == "thread":
        threading.Thread(target=time.sleep, args=(3600,)).start()
    if how == "print":
        print("x" * 200_000, flush=True)
    if how == "alarm":
        signal.alarm(1)
        time.sleep(2)
    if how == "stdin":
        return sys.stdin.read()
    return how


@task(takes_context=True)
def crash(context, how):
    journal.write("crash", how, context.attempt)
    if how == "exit":
        os._exit(7)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "tree":
        os.kill(os.getppid(), signal.SIGSTOP)  # so that it starts nobody meanwhile
        for pid in _siblings():
            os.kill(pid, signal.SIGKILL)
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _siblings():
    text = Path(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read_text()
    return [int(pid) for pid in text.split() if int(pid) != os.getpid()]


@task(takes_context=True)
def crash_then_fail(context):
    journal.write("crash", "then-fail", context.attempt)
    if context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError("no crash this time")


@task(takes_context=True, atomic=IN_DATABASE, timeout=0.6)
def transfer(context, number, seconds=0.0):
    """Two rows, before and after a pause: both or none."""
    Note.objects.create(text="first", number=number)
    journal.write("transfer", number, context.attempt)
    time.sleep(seconds)
    quick.enqueue(f"follows-{number}")
    Note.objects.create(text="second", number=number)
    return number


@task(takes_context=True, atomic=IN_DATABASE, timeout=0.6)
def write_once(context, text):
    Note.objects.create(text=text)
    journal.write("write_once", context.attempt)


@task(takes_context=True, atomic=IN_DATABASE, timeout=0.6)
def transfer_and_fail(context, number):
    Note.objects.create(text="first", number=number)
    quick.enqueue("never")
    journal.write("transfer", number, context.attempt)
    raise ValueError("after the first row")


@task(takes_context=True, atomic=IN_DATABASE, timeout=0.6)
def transfer_then_broken_hook(context, number):
    def hook():
        raise RuntimeError("a hook that fails")

    Note.objects.create(text="kept", number=number)
    transaction.on_commit(hook)


@task(takes_context=True, atomic=IN_DATABASE, timeout=0.6)
def write_then_hook(context, text):
    Note.objects.create(text=text)
    journal.write("body", text, context.attempt)
    transaction.on_commit(lambda: journal.write("hook", text))


@task(takes_context=True, atomic=IN_DATABASE, timeout=0.6)
def transfer_then_hooks(context, number, wrong):
    """Three things to do after the commit, of which the second goes wrong, and a follower."""

    def hook():
        raise getattr(builtins, wrong)("the second hook")

    Note.objects.create(text="kept", number=number)
    journal.write("body", number, context.attempt)
    transaction.on_commit(lambda: journal.write("hook", number, "first"))
    transaction.on_commit(hook)
    transaction.on_commit(lambda: journal.write("hook", number, "third"))
    quick.enqueue(f"follows-{number}")


@task(takes_context=True)
def with_children(context, seconds, own_session=False):
    child = subprocess.Popen(["sleep", "3600"], start_new_session=own_session)
    journal.write("child", child.pid)
    time.sleep(seconds)
    return child.pid


@task
def late_enqueue(depth):
    journal.write("late", depth)
    if depth:
        late_enqueue.enqueue(depth - 1)


@task
def grow(megabytes):
    """Keep memory until the process ends."""
    kept.append(bytearray(os.urandom(1)) * (megabytes << 20))
    journal.write("grow", os.getpid())


kept: list[bytearray] = []


@task
def whoami(name=""):
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    journal.write("whoami", os.getpid(), cpus)
    time.sleep(0.02)


@task(takes_context=True)
def exit_at_first(context, status):
    """Leave in the middle of the first attempt, with a status of the task's choice."""
    journal.write("exit", status, context.attempt)
    if context.attempt == 1:
        os._exit(status)


def _sleep_long(number):
    time.sleep(600)


def _square(number):
    return number * number


@task
def with_pool(numbers):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(_square, numbers)


@task
def terminate_newborn(count):
    """Return how children ended that were told to before they had done anything."""
    codes = []
    for _ in range(count):
        child = multiprocessing.get_context("fork").Process(target=_sleep_long, args=(1,))
        child.start()
        child.terminate()
        child.join(5)
        codes.append(child.exitcode)
        child.kill()
        child.join()
    return codes


@task(timeout=30)
def terminate_children():
    """Return how children that sleep ended when they were told to."""
    codes = {}
    for name in ("terminate", "SIGINT", "SIGALRM"):
        child = multiprocessing.get_context("fork").Process(target=_sleep_long, args=(1,))
        child.start()
        time.sleep(0.2)
        child.terminate() if name == "terminate" else os.kill(child.pid, getattr(signal, name))
        child.join(5)
        codes[name] = child.exitcode
        child.kill()
    program = subprocess.Popen(["sleep", "600"])
    program.send_signal(signal.SIGINT)
    codes["program"] = program.wait(5)
    return codes


@task(takes_context=True, crash_budget=2)
async def close_descriptors_async(context):
    journal.write("closed", "async", context.attempt)
    os.closerange(3, 200)
    await asyncio.sleep(30)


@task(takes_context=True, crash_budget=2)
def close_descriptors(context, how):
    """Close what is not the task's own, as a careless daemon does."""
    journal.write("closed", how, context.attempt)
    os.closerange(3, 200)
    if how == "and open others":
        for _ in range(100):
            os.open(os.devnull, os.O_RDONLY)
    if how == "and fail":
        raise ValueError("after closing")


@task
def write_number(pk, number):
    Note.objects.filter(pk=pk).update(number=number)


@task
def read_number(note, expected):
    journal.write("read", note.number, expected)


@task
def make_numbers(count):
    """Jobs that write a number, each followed by one that is given the object with it."""
    note = Note.objects.create(text="numbers")
    for number in range(count):
        write_number.enqueue(note.pk, number)
        read_number.enqueue(note, number)
