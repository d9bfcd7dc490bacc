"""Brokers for tests of what surrounds brokers: of no database, and less able than ours."""

from datetime import timedelta

from django_convoy.brokers.memory import MemoryBroker
from django_convoy.contracts.broker import Broker
from django_convoy.domain.capabilities import Capabilities


class ElsewhereBroker(MemoryBroker):
    """Like one on a server that is no database."""

    capabilities = Capabilities()


class BlindBroker(Broker):
    """Delivers jobs, and cannot list them."""

    capabilities = Capabilities(browse=False)

    def __init__(self):
        self._inner = MemoryBroker()

    def push(self, envelopes):
        self._inner.push(envelopes)

    def claim(self, queues, **options):
        return self._inner.claim(queues, **options)

    def renew(self, leases, *, lease):
        return self._inner.renew(leases, lease=lease)

    def settle(self, settlements):
        return self._inner.settle(settlements)

    def counts(self, queue):
        return self._inner.counts(queue)

    def purge(self, queue):
        return self._inner.purge(queue)


class UnseenBroker(BlindBroker):
    """Nor can anything on its way to it be seen: it has no outbox."""

    capabilities = Capabilities(browse=False, shared=False)


class UnrankedBroker(BlindBroker):
    capabilities = Capabilities(priority=False)


class LetsGoBroker(BlindBroker):
    """Forgets what is claimed."""

    capabilities = Capabilities(browse=False, leases=False, fencing=False)


class ForgetfulBroker(BlindBroker):
    capabilities = Capabilities(notes=False)


class CautiousBroker(BlindBroker):
    capabilities = Capabilities(at_most_once=False)


class ImpatientBroker(BlindBroker):
    capabilities = Capabilities(max_delay=timedelta(minutes=15), shared=False)


class NarrowBroker(BlindBroker):
    capabilities = Capabilities(max_body=1000)


class ChoosyBroker(BlindBroker):
    """Can less than its class says, by its options."""

    def __init__(self, *, priority=True):
        super().__init__()
        self.capabilities = Capabilities(priority=priority)


class BriefBroker(BlindBroker):
    capabilities = Capabilities(browse=False, longest_lease=timedelta(hours=12))
