"""Convoy's own brokers, stores and serializers under the suites that it ships."""

import pytest

pytest.register_assert_rewrite("django_convoy.testing.conformance")
