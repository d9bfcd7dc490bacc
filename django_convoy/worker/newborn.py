"""The first lines of a child that was started by exec: BIRTH PLAN MODULE:FUNCTION."""

import importlib
import json
import logging
import sys

import django

from django_convoy.worker.ending import leave
from django_convoy.worker.logs import show
from django_convoy.worker.plan import Plan

logger = logging.getLogger("django_convoy.worker")


def main(arguments: list[str]) -> None:
    """Set the site up, then live as the supervisor said."""
    plan = Plan.from_json(json.loads(arguments[1]))
    django.setup()
    show(plan.verbosity)
    from django_convoy.worker.child import Birth, live  # lazy: they need the site's apps

    birth = Birth(**json.loads(arguments[0]))
    module, _, function = arguments[2].partition(":")
    status = 1
    try:
        status = live(birth, plan, getattr(importlib.import_module(module), function))
    except Exception:
        logger.exception("%s failed", birth.kind)
    leave(status)


if __name__ == "__main__":
    main(sys.argv[1:])
