"""Every broker and store that has a name says what it can do, and is bound to a suite."""

from pathlib import Path

import pytest

from django_convoy.assembly import broker_class
from django_convoy.brokers import BROKERS
from django_convoy.contracts.broker import Browsable
from django_convoy.domain.capabilities import Capabilities
from django_convoy.stores import STORES

BINDINGS = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
DELIVER_NOTHING = {"sync", "debug-web"}


@pytest.mark.parametrize("name", BROKERS)
def test_a_broker_says_what_it_can_do_before_it_is_made(name):
    kind = broker_class(name)
    assert isinstance(kind.capabilities, Capabilities)
    assert issubclass(kind, Browsable) == kind.capabilities.browse
    assert kind.__doc__


@pytest.mark.parametrize("name", sorted(BROKERS.keys() - DELIVER_NOTHING))
def test_a_broker_is_bound_to_the_suite(name):
    kind = broker_class(name).__name__
    assert f"{kind}(" in BINDINGS or f"({kind})" in BINDINGS  # itself, or derived from


@pytest.mark.parametrize("name", STORES)
def test_a_store_is_bound_to_the_suite(name):
    assert f"{STORES[name].rpartition('.')[2]}(" in BINDINGS
