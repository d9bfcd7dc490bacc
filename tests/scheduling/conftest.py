"""How thorough the property tests are: `CONVOY_TEST_THOROUGH=50` makes fifty times as many."""

import os

from hypothesis import HealthCheck, settings

THOROUGH = int(os.environ.get("CONVOY_TEST_THOROUGH", "1"))


def examples(count: int) -> settings:
    """Return the settings of a property test."""
    return settings(
        max_examples=count * THOROUGH,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
