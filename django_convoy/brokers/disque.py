"""The broker on Disque: a job's RETRY is its lease, set when it is added.

RETRY counts from when the job was queued, not from when somebody took it; so each claim says
WORKING at once. There are no tokens: what tells a stale holder is how often the job was queued
again, which the token remembers. That is looked at whenever the lease may have lapsed, and is not
one step with what follows, so `fencing` is not promised.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from redis.exceptions import ResponseError

from django_convoy.brokers.disque_browsing import Browsing
from django_convoy.brokers.disque_jobs import each, now, scan, show, text
from django_convoy.brokers.disque_nodes import Nodes, nodes_of
from django_convoy.brokers.messages import (
    BURIED,
    SUSPECTS,
    Added,
    Message,
    MessageBroker,
    Waiting,
    handle_of,
    token_of,
)
from django_convoy.contracts.broker import Counts
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Lease
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.suggest import unknown

OPTIONS = ("name", "nodes", "auth", "retry", "ttl", "replicate", "fastack", "timeout")
FIRST_RETRY = 15
MONTH = 30 * 86_400
ERROR_SECONDS = 0.5
"""By so much a server may be early when it queues a job again."""


class DisqueBroker(Browsing, MessageBroker):
    """Its options stand in `docs/how-to/disque.md`."""

    returns = True
    capabilities = Capabilities(
        priority=False,
        unique=False,
        fencing=False,
        holders=False,
        atomic_batches=False,
        keeps_place=False,
        fixed_lease=timedelta(seconds=FIRST_RETRY),
    )

    def __init__(
        self,
        *,
        nodes: str | Iterable[str] = "127.0.0.1:7711",
        auth: str | None = None,
        retry: int = FIRST_RETRY,
        ttl: int = MONTH,
        replicate: int | None = None,
        fastack: bool = False,
        timeout: float = 10.0,
        **others: Any,
    ) -> None:
        super().__init__()
        for name in others:
            raise ConfigurationError(unknown("option", name, OPTIONS))
        for name, value in (("retry", retry), ("ttl", ttl), ("replicate", replicate or 1)):
            if not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number, at least 1: {value!r}")
        if ttl < 4 * retry:
            raise ConfigurationError("ttl must be at least four times retry")
        known = nodes_of(nodes)
        self._nodes = Nodes(known, auth, timeout)
        self.patient = len(known) == 1
        self._retry = retry
        self._ttl = ttl
        self._copies = () if replicate is None else ("REPLICATE", replicate)
        self._ack = "FASTACK" if fastack else "ACKJOB"
        self.capabilities = replace(self.capabilities, fixed_lease=timedelta(seconds=retry))

    # Adding

    def _add(self, place: str, added: Sequence[Added]) -> None:
        commands = [self._addjob(place, one) for one in added]
        replies = self._nodes.ask_many(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                done = [text(one) for one in replies if not isinstance(one, ResponseError)]
                each(self._nodes, self._ack, done)  # all or none
                raise BrokerUnavailable(f"Disque adds no job to queue {place}: {reply}")

    def _addjob(self, place: str, one: Added) -> list[Any]:
        delay = math.ceil(one.delay)
        wait = math.ceil(self._nodes.timeout * 500)  # for copies; half of what we wait
        command = ["ADDJOB", place, one.body, wait, *self._copies]
        command += ["DELAY", delay] if delay else []
        return [*command, "RETRY", self._retry, "TTL", self._ttl + delay]

    # Claiming

    def _take(
        self, places: Sequence[str], count: int, lease: float, wait: float
    ) -> Sequence[Message]:
        if not places:
            self.bell.rest(wait)
            return []
        rest = ["COUNT", count, "WITHCOUNTERS", "FROM", *places]
        if wait <= 0:
            return self._held(self._nodes.ask("GETJOB", "NOHANG", *rest))
        patience = wait + self._nodes.timeout
        command = ["GETJOB", "TIMEOUT", max(1, int(wait * 1000)), *rest]
        return self._await(places, count, patience, lambda: self._begin(command, patience))

    def _begin(self, command: list[Any], patience: float) -> Waiting:
        request = self._nodes.begin(command, patience)
        return Waiting(request.socket, lambda: self._held(request.finish()), request.abandon)

    def _held(self, reply: Any) -> list[Message]:
        """Return what GETJOB gave, held for a whole RETRY from now."""
        if isinstance(reply, ResponseError):
            raise BrokerUnavailable(f"Disque at {self._nodes.current}: {reply}")
        found = [
            (text(one[0]), text(one[1]), one[2], int(one[4]), int(one[6])) for one in reply or ()
        ]
        until = self._until()
        replies = self._nodes.ask_many([("WORKING", job) for _, job, _, _, _ in found])
        messages = []
        for (place, job, body, nacks, lapses), answer in zip(found, replies, strict=True):
            handle = f"{job}:{nacks + lapses}:{until}"
            if not isinstance(answer, ResponseError):
                messages.append(Message(place, handle, body, lapses))
            elif str(answer).startswith("TOOLATE"):
                # Half of its life is over: it could not be held for longer. It starts another.
                self._add(place, [Added(body)])
                each(self._nodes, self._ack, [job])
        return messages

    def _until(self) -> int:
        """Return until when what is held now is held, in milliseconds of this host's clock."""
        return int((time.monotonic() + self._retry - ERROR_SECONDS) * 1000)

    def _has(self, place: str) -> bool:
        return bool(self._nodes.ask("QLEN", place))

    # Holding

    def _ours(self, handles: Sequence[str]) -> list[str]:
        """Return for each handle the one of today; empty where another has the job, or nobody."""
        answers = []
        parts = [handle.split(":") for handle in handles]
        for (job, count, _), shown in zip(
            parts, show(self._nodes, [part[0] for part in parts]), strict=True
        ):
            # One that lapsed and that nobody took is still ours.
            held = shown is not None and (shown.queued or shown.deliveries == int(count))
            answers.append(f"{job}:{shown.deliveries}:0" if held and shown is not None else "")
        return answers

    def _secure(self, handles: Sequence[tuple[str, str]]) -> Sequence[str]:
        """Hold what is ours for a whole RETRY; WORKING takes it out of the queue, too."""
        ours = self._ours([handle for _, handle in handles])
        held = [handle for handle in ours if handle]
        until = self._until()
        replies = self._nodes.ask_many([("WORKING", one.partition(":")[0]) for one in held])
        for handle, reply in zip(held, replies, strict=True):
            # Too late to hold it for longer is not too late to settle it.
            known = not isinstance(reply, ResponseError) or str(reply).startswith("TOOLATE")
            ours[ours.index(handle)] = handle.removesuffix(":0") + f":{until}" if known else ""
        return ours

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal | Renewed]:
        """Say WORKING for what is ours. Refused once half of a job's life is over: then it will
        be delivered to another, so the lease is lost."""
        handles = [handle_of(one)[1] for one in leases]
        ours = self._ours(handles)
        held = [handle for handle in ours if handle]
        replies = iter(self._nodes.ask_many([("WORKING", one.partition(":")[0]) for one in held]))
        answers: list[Renewal | Renewed] = []
        for one, handle in zip(leases, ours, strict=True):
            if not handle or isinstance(next(replies), ResponseError):
                answers.append(Renewal.LOST)
            elif handle.rpartition(":")[0] == handle_of(one)[1].rpartition(":")[0]:
                answers.append(Renewal.HELD)
            else:
                answers.append(Renewed(token_of(one, handle)))
        return answers

    def _drop(self, handles: Sequence[tuple[str, str]]) -> list[bool]:
        return self._settle([handle for _, handle in handles], self._ack)

    def _return(self, handles: Sequence[tuple[str, str]]) -> list[bool]:
        return self._settle([f"{handle.rpartition(':')[0]}:0" for _, handle in handles], "NACK")

    def _settle(self, handles: Sequence[str], command: str) -> list[bool]:
        """Do it to what is ours; ask first where a lease may have lapsed."""
        moment = time.monotonic() * 1000
        unsure = [handle for handle in handles if int(handle.rpartition(":")[2]) < moment]
        sure = dict(zip(unsure, self._ours(unsure), strict=True)) if unsure else {}
        chosen = [handle for handle in handles if sure.get(handle, handle)]
        done = each(self._nodes, command, [handle.partition(":")[0] for handle in chosen])
        answers = dict(zip(chosen, done, strict=True))
        return [answers.get(handle, False) for handle in handles]

    # Looking

    def next_due(self) -> float | None:
        """Return the seconds until a delayed job falls due; looks at all that are not queued."""
        moment = now(self._nodes)
        due = [
            one.created + one.delay - moment
            for one in scan(self._nodes, "STATE", "active")
            if one.is_delayed(moment)
        ]
        return min(due, default=None)

    def counts(self, queue: str) -> Counts:
        """Count; looks at all jobs of the queue that are not queued."""
        sizes = self._nodes.ask_many([("QLEN", queue + kind) for kind in ("", SUSPECTS, BURIED)])
        ready, suspects, buried = map(int, sizes)
        moment = now(self._nodes)
        active = [
            one.is_delayed(moment)
            for kind in ("", SUSPECTS)
            for one in scan(self._nodes, "QUEUE", queue + kind, "STATE", "active")
        ]
        delayed = sum(active)
        return Counts(ready + suspects, delayed, len(active) - delayed, buried)

    def purge(self, queue: str) -> int:
        """Remove what is queued or delayed."""
        moment = now(self._nodes)
        free = [
            one
            for kind in ("", SUSPECTS, BURIED)
            for one in scan(self._nodes, "QUEUE", queue + kind)
            if one.queued or one.is_delayed(moment)
        ]
        return sum(self._remove(free))

    def delete(self, queue: str) -> int:
        """Remove all jobs of the queue; without any, Disque forgets it."""
        ids = [
            one.id
            for kind in ("", SUSPECTS, BURIED)
            for one in scan(self._nodes, "QUEUE", queue + kind)
        ]
        return sum(each(self._nodes, self._ack, ids))

    def ping(self) -> None:
        """Ask for anything. Raises BrokerUnavailable."""
        self._nodes.ask("PING")

    def info(self) -> str:
        """Say what it is, where its nodes are, which queues are paused, and what was delivered
        again."""
        said = text(self._nodes.ask("INFO"))
        known = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        others = [f"{text(one[1])}:{text(one[2])}" for one in self._nodes.ask("HELLO")[2:]]
        lines = [
            f"Disque {known.get('disque_version', '?')} at {self._nodes.current}, nodes: "
            + ", ".join(others),
            f"{known.get('registered_jobs', '?')} jobs in {known.get('registered_queues', '?')} "
            f"queues; a lease is RETRY {self._retry} s, a job lives for TTL {self._ttl} s",
        ]
        for queue in self._names(0):
            state = text(self._nodes.ask("PAUSE", queue, "state"))
            if state != "none":
                lines.append(f"{queue}: paused ({state})")
        lines += self._lapsed()
        return "\n".join(lines)

    def close(self) -> None:
        """Give back connections, once what is under way on them has come and was given back."""
        super().close()
        self._nodes.close()
