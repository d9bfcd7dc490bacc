"""Unknown names are answered with the one that was meant, or with all there are."""

import pytest

from django_convoy.domain.suggest import unknown


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("retrys", ["retries", "timeout"], "unknown option 'retrys'; did you mean 'retries'?"),
        ("zzz", ["b", "a"], "unknown option 'zzz'; there are: a, b"),
        ("zzz", ["a"], "unknown option 'zzz'; there is: a"),
        ("", ["a"], "unknown option ''; there is: a"),
    ],
)
def test_unknown(name, known, told):
    assert unknown("option", name, known) == told
