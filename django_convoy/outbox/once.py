"""How jobs leave the outbox for a broker without leases.

What is over there is nowhere: a job that may have been sent could have run, and nobody can tell.
So its row is deleted before it is sent, and is a sign that it was not. Who dies in between loses
the job, as at most once has it.
"""

import logging
from collections.abc import Callable, Sequence

from django_convoy.contracts.broker import Held
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.outbox.table import Table

logger = logging.getLogger("django_convoy.outbox")
Send = Callable[[Sequence[Held]], None]


def send_once(table: Table, token: str, jobs: Sequence[Held], send: Send) -> None:
    """Delete the rows that have this token still, and send their jobs."""
    ours = table.withdraw(token, [one.envelope.id for one in jobs])
    send_withdrawn(table, token, [one for one in jobs if one.envelope.id in ours], send)


def send_withdrawn(table: Table, token: str, jobs: Sequence[Held], send: Send) -> None:
    """Send jobs without rows; those that certainly did not arrive get their rows back."""
    if not jobs:
        return
    try:
        send(jobs)
    except BrokerUnavailable as error:
        if not error.arrived:
            table.restore(token, jobs)
            raise
        for one in jobs:
            logger.error(
                "job %s (%s) is lost, unless its broker got it: it is delivered at most once, so "
                "it is not sent again: %s",
                one.envelope.id,
                one.envelope.task,
                error,
            )
        raise
    except Exception:  # refused, all of them
        table.restore(token, jobs)
        raise
