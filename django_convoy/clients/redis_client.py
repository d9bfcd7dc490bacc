"""The client library, or a sentence that says how to get it."""

from django_convoy.domain.errors import ConfigurationError

try:
    import redis as redis
except ImportError as error:
    raise ConfigurationError(
        f'Redis needs its client ({error}): pip install "django-convoy[redis]"'
    ) from None
