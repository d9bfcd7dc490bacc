"""Brokers of sites whose servers are a test's."""

from django_convoy.brokers.ironmq import IronMQBroker


class ImpatientIronMQ(IronMQBroker):
    """Takes leases of a few seconds, as the tests' server gives them."""

    shortest_lease = 1
