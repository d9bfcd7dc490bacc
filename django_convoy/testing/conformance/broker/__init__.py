"""The suite for brokers: inherit `BrokerConformance`, and say in `make()` how yours is made."""

from django_convoy.testing.conformance.broker.batches import Batches
from django_convoy.testing.conformance.broker.browsing import Browsing
from django_convoy.testing.conformance.broker.burying import Burying
from django_convoy.testing.conformance.broker.concurrency import Concurrency
from django_convoy.testing.conformance.broker.counting import Counting
from django_convoy.testing.conformance.broker.delays import Delays
from django_convoy.testing.conformance.broker.fencing import Fencing
from django_convoy.testing.conformance.broker.lapsing import Lapsing
from django_convoy.testing.conformance.broker.ordering import Ordering
from django_convoy.testing.conformance.broker.payloads import Payloads
from django_convoy.testing.conformance.broker.releasing import Releasing
from django_convoy.testing.conformance.broker.renewing import Renewing
from django_convoy.testing.conformance.broker.waiting import Waiting


class BrokerConformance(
    Ordering,
    Delays,
    Lapsing,
    Fencing,
    Renewing,
    Releasing,
    Burying,
    Batches,
    Concurrency,
    Waiting,
    Counting,
    Browsing,
    Payloads,
):
    """Every promise of `contracts.broker.Broker`, each as a test.

    What a broker does not promise in its `capabilities` is skipped. Set `short` where a lease
    cannot be as short as 0.2 seconds, `soon` where a delay cannot be as short as 0.1.
    """


__all__ = ["BrokerConformance"]
