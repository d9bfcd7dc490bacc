"""Which way a job goes when it is enqueued: to its broker, or into the outbox first."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import transaction

from django_convoy.contracts.broker import Broker, Held
from django_convoy.db.session import Session
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Envelope
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError
from django_convoy.outbox.delivery import Delivery
from django_convoy.outbox.spill import Push, Spill, send
from django_convoy.outbox.table import PARKED, Table

logger = logging.getLogger("django_convoy.outbox")
OUTBOX, ON_COMMIT, NOW = "outbox", "on_commit", "now"
NEAR = 0.9
"""The part of the longest delay for which a broker is trusted with a job: clocks differ."""


class Dispatch:
    """Enqueues into a broker that is elsewhere.

    session: of the database whose transactions count. table: the outbox in it, if there may be
    one. mode: what happens in a transaction. fallback: whether jobs whose broker cannot be
    reached wait in the outbox. spill: where payloads are that are too large for the broker.
    """

    def __init__(
        self,
        broker: Broker,
        session: Session,
        table: Table | None,
        mode: str,
        *,
        fallback: bool,
        spill: Spill | None,
    ) -> None:
        self._broker = broker
        self._session = session
        self._table = table
        self._mode = mode
        self._fallback = fallback
        self._spill = spill
        self._warned = False
        can = broker.capabilities
        self._near = None if can.max_delay is None else can.max_delay * NEAR

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Send jobs, or write them down to be sent: all of them or none.

        Raises BrokerUnavailable, ConfigurationError, PayloadError.
        """
        self._lead(self._broker.push, envelopes)

    def push_new(self, envelopes: Iterable[Envelope]) -> None:
        """Do so with jobs that nobody has pushed before."""
        self._lead(self._broker.push_new, envelopes)

    def _lead(self, push: Push, envelopes: Iterable[Envelope]) -> None:
        if self._mode == NOW or not self._session.is_joined():
            self._send(push, envelopes, at_once=True)
            return
        jobs = list(envelopes)
        far = self._far(jobs)
        if self._mode == ON_COMMIT or not (table := self._ready()):
            # Not robust: whoever commits hears that a job could not be sent.
            transaction.on_commit(partial(self._send, push, jobs), using=self._session.alias)
            return
        if far:
            self._park(table, far)
            jobs = _without(jobs, far)
        if jobs:
            self._write(table, jobs)

    def _ready(self) -> Table | None:
        """Return the table if it is there; say once that it is not."""
        if self._table is not None and self._table.exists():
            return self._table
        if not self._warned:
            self._warned = True
            logger.warning(
                "database %r has no table convoy_outbox: what is enqueued in transactions is sent "
                "on commit, and lost when the process dies in between; run `manage.py migrate`",
                self._session.alias,
            )
        return None

    def _write(self, table: Table, jobs: Sequence[Envelope]) -> None:
        latest = self._session.latest_hook()
        if isinstance(latest, Delivery) and latest.table is table:
            table.add(jobs, latest.token)
            latest.add(jobs)
            return
        delivery = Delivery(table, self._broker, self._spill)
        table.add(jobs, delivery.token)
        delivery.add(jobs)
        self._session.after_commit(delivery)

    def _send(self, push: Push, envelopes: Iterable[Envelope], *, at_once: bool = False) -> None:
        if self._near is not None:
            envelopes = list(envelopes)
            if far := self._far(envelopes):
                assert self._table is not None  # noqa: S101 - for the type checker: `_far` saw it
                self._park(self._table, far)
                envelopes = _without(envelopes, far)
        if not self._fallback:
            send(push, self._spill, envelopes, at_once=at_once)
            return
        jobs = list(envelopes)
        try:
            send(push, self._spill, jobs, at_once=at_once)
        except BrokerUnavailable as error:
            # Where nobody could tell, what may have arrived must not come a second time.
            once = not self._broker.capabilities.leases
            if (once and error.arrived) or (table := self._ready()) is None:
                raise
            table.add(jobs)
            logger.warning("%d jobs wait in the outbox for their broker: %s", len(jobs), error)

    # Delays

    def _far(self, jobs: Sequence[Envelope]) -> list[Envelope]:
        """Return the jobs whose delay the broker cannot hold. Raises ConfigurationError where
        there is no table for them."""
        longest = self._broker.capabilities.max_delay
        if longest is None:
            return []
        limit = clock.now() + longest
        far = [one for one in jobs if one.due is not None and one.due > limit]
        if far and (self._table is None or not self._table.exists()):
            raise ConfigurationError(
                f"{type(self._broker).__name__} holds no delay beyond {longest}, and there is no "
                f"table convoy_outbox in database {self._session.alias!r} in which the job could "
                "wait until then: run `manage.py migrate`, or name a database that has Convoy's "
                'tables in OPTIONS["outbox"]["alias"]'
            )
        return far

    def _park(self, table: Table, jobs: Sequence[Envelope]) -> None:
        assert self._near is not None  # noqa: S101 - for the type checker
        table.park(
            (Held(one, PARKED, 0, NO_NOTE), (one.due or clock.now()) - self._near) for one in jobs
        )


def _without(jobs: Sequence[Envelope], others: Sequence[Envelope]) -> list[Envelope]:
    known = {one.id for one in others}
    return [one for one in jobs if one.id not in known]
