"""Shows the worker's log where the site has not said what becomes of it."""

import logging

logger = logging.getLogger("django_convoy")


def show(verbosity: int) -> None:
    """Write to standard error: warnings and what happens from 1 on, details from 2 on."""
    if verbosity == 0 or any(
        not isinstance(handler, logging.NullHandler) for handler in logger.handlers
    ):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)
