"""The client library, or a sentence that says how to get it."""

import contextlib
from typing import Any

from django_convoy.domain.errors import ConfigurationError

try:
    import redis as redis
except ImportError as error:
    raise ConfigurationError(
        f'Redis needs its client ({error}): pip install "django-convoy[redis]"'
    ) from None

packer: Any = None
"""Makes bytes of a command; None where the client does it in Python."""
with contextlib.suppress(ImportError):
    from hiredis import pack_command

    packer = pack_command
