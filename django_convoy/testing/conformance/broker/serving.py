"""Promise: a server can be asked whether it is there."""

from django_convoy.contracts.broker import Reachable
from django_convoy.testing.conformance.broker.case import BrokerCase


class Serving(BrokerCase):
    """The role `Reachable`."""

    def test_it_says_what_it_is(self) -> None:
        broker = self.role(Reachable)
        broker.ping()
        assert any(one.isdigit() for one in broker.info()), "no version"
