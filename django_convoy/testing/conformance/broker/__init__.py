"""The suite for brokers: inherit `BrokerConformance`, and say in `make()` how yours is made."""

from django_convoy.testing.conformance.broker.adopting import Adopting
from django_convoy.testing.conformance.broker.batches import Batches
from django_convoy.testing.conformance.broker.binary import Binary
from django_convoy.testing.conformance.broker.browsing import Browsing
from django_convoy.testing.conformance.broker.burying import Burying
from django_convoy.testing.conformance.broker.concurrency import Concurrency
from django_convoy.testing.conformance.broker.counting import Counting
from django_convoy.testing.conformance.broker.crashing import Crashing
from django_convoy.testing.conformance.broker.delays import Delays
from django_convoy.testing.conformance.broker.duplicates import Duplicates
from django_convoy.testing.conformance.broker.dying import Dying
from django_convoy.testing.conformance.broker.expiry import Expiry
from django_convoy.testing.conformance.broker.fencing import Fencing
from django_convoy.testing.conformance.broker.hostile import Hostile
from django_convoy.testing.conformance.broker.largest import Largest
from django_convoy.testing.conformance.broker.leases import Leases
from django_convoy.testing.conformance.broker.naming import Naming
from django_convoy.testing.conformance.broker.ordering import Ordering
from django_convoy.testing.conformance.broker.payloads import Payloads
from django_convoy.testing.conformance.broker.priority import Priority
from django_convoy.testing.conformance.broker.purging import Purging
from django_convoy.testing.conformance.broker.releasing import Releasing
from django_convoy.testing.conformance.broker.renewing import Renewing
from django_convoy.testing.conformance.broker.serving import Serving
from django_convoy.testing.conformance.broker.unicode import Unicode
from django_convoy.testing.conformance.broker.waiting import Waiting


class BrokerConformance(
    Ordering,
    Priority,
    Delays,
    Leases,
    Expiry,
    Fencing,
    Renewing,
    Releasing,
    Burying,
    Batches,
    Duplicates,
    Concurrency,
    Waiting,
    Counting,
    Browsing,
    Purging,
    Payloads,
    Unicode,
    Binary,
    Largest,
    Naming,
    Crashing,
    Dying,
    Hostile,
    Serving,
    Adopting,
):
    """Every promise of `contracts.broker.Broker`, each as a test.

    What a broker does not promise in its `capabilities` is skipped: `pytest -rs` lists which, and
    why. Set `short` where a lease cannot be as short as 0.2 seconds, `soon` where a delay cannot be
    as short as 0.1; say in `spoil()` how garbage gets onto the server, for the tests of hostile
    values, in `steps` how your client reaches it, for the tests of processes that are killed.
    """


__all__ = ["BrokerConformance"]
