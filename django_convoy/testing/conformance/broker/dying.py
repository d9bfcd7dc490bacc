"""Promise: whoever is killed inside a verb, between whichever two requests, loses no job."""

import faulthandler
import os
import random
import signal
import sys
import threading
import time
import traceback
import unittest
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import FrameType, ModuleType
from typing import Any

from django_convoy.contracts.broker import Broker
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.verdict import DONE, Again, Bury, Verdict
from django_convoy.testing.conformance.broker.case import BrokerCase

MOST_STEPS = 80
"""Of one verb with four jobs of two queues; one that takes more goes on for ever."""
QUEUES = 8
PATIENCE = 30
"""Seconds after which a process is stuck, or a job lost."""
Begin = Callable[[], None]
Act = Callable[..., object]


class Dying(BrokerCase):
    """Processes that are killed in the midst of a verb: one before its first step, one after it,
    and so on, until one has done it all."""

    steps = frozenset(
        {"send", "sendall", "sendmsg", "execute", "executemany", "commit", "rollback"}
        | {"write", "write_text", "write_bytes", "replace", "rename", "unlink"}
    )
    """The functions by which a client reaches its server, or a file, by their names: a process is
    killed right before and right after each call. What they call themselves counts for nothing.
    Name those of a client that uses none of these."""

    def deaths(self, act: Act) -> list[list[Envelope]]:
        """Let processes act and die, each with jobs of its own; return these. act: given a broker,
        the jobs, and what to call before the verb."""
        jobs: list[list[Envelope]] = []
        for step in range(1, MOST_STEPS):
            queues = [f"{self.queue}-{step}", f"{self.queue}-{step}-b"]
            jobs.append([self.envelope(queue=queue) for queue in queues * 2])
            if not self.dies(partial(act, envelopes=jobs[-1]), step):
                return jobs
        raise AssertionError(f"a verb that takes more than {MOST_STEPS} steps")

    def dies(self, act: Callable[..., object], step: int) -> bool:
        """Act in a process that is killed at a step; return whether it came so far."""
        if not self.broker.capabilities.shared:  # another process would have jobs of its own
            act(self.another(), begin=lambda: None)
            return False
        if not hasattr(os, "fork"):
            raise unittest.SkipTest("platform: there is no fork")
        if sys.version_info < (3, 12):
            raise unittest.SkipTest("platform: before Python 3.12 a profiled fork may stand still")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # clients have threads
            pid = os.fork()
        if not pid:
            try:
                faulthandler.dump_traceback_later(PATIENCE, exit=True)  # says where it is stuck
                act(self.make_brief(), begin=partial(doom, self.steps, step))
                sys.setprofile(None)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        assert status in (0, signal.SIGKILL), f"step {step}: it ended with wait status {status}"
        return status != 0

    def held(self, broker: Broker, envelopes: list[Envelope]) -> list[Lease]:
        """Push jobs and claim them, in their order; the leases lapse in a moment."""
        broker.push(envelopes)
        leases: dict[str, Lease] = {}
        while len(leases) < len(envelopes):
            for queue in {one.queue for one in envelopes}:
                claimed = self.claim(broker=broker, queues=[queue], lease=self.short)
                leases.update({lease.id: lease for lease in claimed})
        return [leases[one.id] for one in envelopes]

    def collect(self, jobs: list[list[Envelope]], least: set[str]) -> Counter[str]:
        """Claim and settle until these jobs came, and leases lapsed; return how often each did."""
        seen: Counter[str] = Counter()
        broker = self.make_brief()
        self._made.append(broker)
        every = [one for some in jobs for one in some]
        began = time.monotonic()
        while True:
            # First those of which something is missing, a few at a time; then all, till none comes.
            missing = {one.queue for one in every if one.id in least - seen.keys()}
            queues = sorted(missing, key=lambda queue: random.random())[:QUEUES]  # noqa: S311
            queues = queues or sorted({one.queue for one in every})
            leases = self.claim(broker=broker, queues=queues, wait=0.05)
            seen.update(lease.id for lease in leases)
            broker.settle([(lease, DONE) for lease in leases])
            took = time.monotonic() - began
            if not (leases or missing) and took > self.short * 2:
                break
            lost = [f"{one.queue}: {one.id}" for one in every if one.id in least - seen.keys()]
            assert took < PATIENCE, f"lost: {lost}"
        # Where a job goes on as another message, a death in between leaves both.
        most = 1 if self.broker.capabilities.unique else 2
        assert max(seen.values(), default=0) <= most, f"more than {most} times"
        return seen

    def test_a_push_that_is_killed_leaves_all_or_nothing(self) -> None:
        def push(broker: Broker, envelopes: list[Envelope], begin: Begin) -> None:
            broker.counts(envelopes[0].queue)  # it is connected
            begin()
            broker.push(envelopes)

        jobs = self.deaths(push)
        seen = self.collect(jobs, {one.id for one in jobs[-1]})
        if self.broker.capabilities.atomic_batches:
            came = [sum(seen[one.id] for one in some) for some in jobs]
            assert set(came) <= {0, 4}

    def test_a_claim_that_is_killed_loses_nothing(self) -> None:
        self.requires("leases")

        def claim(broker: Broker, envelopes: list[Envelope], begin: Begin) -> None:
            broker.push(envelopes)
            begin()
            self.claim(broker=broker, queues=[one.queue for one in envelopes], lease=self.short)

        jobs = self.deaths(claim)
        self.collect(jobs, {one.id for some in jobs for one in some})

    def test_a_renewal_that_is_killed_loses_nothing(self) -> None:
        self.requires("leases")

        def renew(broker: Broker, envelopes: list[Envelope], begin: Begin) -> None:
            leases = self.held(broker, envelopes)
            begin()
            broker.renew(leases, lease=self.short)

        jobs = self.deaths(renew)
        self.collect(jobs, {one.id for some in jobs for one in some})

    def test_a_settle_that_is_killed_loses_nothing(self) -> None:
        """Of four jobs one is done, one runs again, one does later, and one is set aside."""
        self.requires("leases")
        note = Note(failures=1)
        later = self.again(delay=self.soon if self.holds_delays else 0, note=note)
        verdicts: list[Verdict] = [DONE, Again(0, False, note), later, Bury(note)]

        def settle(broker: Broker, envelopes: list[Envelope], begin: Begin) -> None:
            leases = self.held(broker, envelopes)
            begin()
            broker.settle(list(zip(leases, verdicts, strict=True)))

        jobs = self.deaths(settle)
        least = {one.id for some in jobs for one in some[1:3]}
        least |= {last.id for *_, last in jobs if not self.broker.counts(last.queue).buried}
        seen = self.collect(jobs, least)
        for _, _, _, buried in jobs:
            aside = self.broker.counts(buried.queue).buried
            assert seen[buried.id] + aside >= 1, "a job that was to be set aside is lost"
            if self.broker.capabilities.unique:
                assert seen[buried.id] + aside == 1
        assert seen[jobs[-1][0].id] == 0, "what was done came again"


def is_of_module(function: Any) -> bool:
    """Return whether it is a function such as `os.replace`, and no method of a text."""
    return isinstance(getattr(function, "__self__", None), ModuleType)


def doom(steps: frozenset[str], step: int) -> None:
    """Have this process be killed at the n-th step from now on."""
    local = threading.local()
    done = 0

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal done
        ours = event in ("call", "return")
        name = frame.f_code.co_name if ours else getattr(arg, "__name__", "")
        if name not in steps or (name == "replace" and not is_of_module(arg)):
            return
        depth = getattr(local, "depth", 0)
        begins = event in ("call", "c_call")
        local.depth = depth + 1 if begins else depth - 1
        if depth == (0 if begins else 1):  # not what they call themselves
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
