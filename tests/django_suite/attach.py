"""Hangs the tests of one of Django's test cases on a test case of ours."""

import unittest
from collections.abc import Mapping
from typing import Any


def borrowed(source: type, without: Mapping[str, str]) -> dict[str, Any]:
    """The tests of a class by name; those in `without` are skipped with the reason given there."""
    found = {name: getattr(source, name) for name in dir(source) if name.startswith("test")}
    gone = set(without) - set(found)
    assert not gone, f"{source.__name__} has no {gone} any more"
    assert len(found) > len(without), f"nothing of {source.__name__} would be run"
    return {
        name: unittest.skip(without[name])(test) if name in without else test
        for name, test in found.items()
    }
