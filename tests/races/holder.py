"""A process that claims one job, says so, and holds it until it is killed."""

import sys

import django

django.setup()

from tests.races.conftest import made_for  # noqa: E402

leases = made_for(sys.argv[1]).take(lease=float(sys.argv[2]), wait=60)
print(*(lease.id for lease in leases), flush=True)
sys.stdin.read()
