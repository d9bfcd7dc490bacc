"""Suites that say what a broker, a store or a serializer promises, for pytest.

Inherit one, say how yours is made, and run it:

    from django_convoy.testing.conformance.broker import BrokerConformance

    class TestMyBroker(BrokerConformance):
        def make(self):
            return MyBroker("localhost")

For messages that show values, call
`pytest.register_assert_rewrite("django_convoy.testing.conformance")` in a conftest.
"""
