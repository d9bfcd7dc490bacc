"""The library writes nothing by itself; its worker does, where the site has not said otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LOG = "import logging, django_convoy\nlogging.getLogger('django_convoy.x').error('words')\n"
SHOW = "from django_convoy.worker import logs\nlogs.show({})\n"
OWN = "import logging\nlogging.basicConfig(format='mine: %(message)s')\n"


@pytest.mark.parametrize(
    ("code", "written"),
    [
        (LOG, ""),
        (OWN + LOG, "mine: words\n"),
        ("import django_convoy\n" + SHOW.format(1) + LOG, "ERROR words\n"),
        ("import django_convoy\n" + SHOW.format(0) + LOG, ""),
    ],
    ids=["silent", "the site's", "the worker's", "a quiet worker's"],
)
def test_who_writes_the_log(code, written):
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert answer.stderr.endswith(written)
    assert bool(answer.stderr) == bool(written)
