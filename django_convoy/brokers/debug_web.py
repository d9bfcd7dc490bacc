"""Nothing runs by itself: enqueueing writes a URL, under which a person runs the job for show."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.core import signing
from django.db import transaction
from django.urls import NoReverseMatch, reverse

from django_convoy.brokers.nowhere import Nowhere
from django_convoy.brokers.wire import pack, unpack
from django_convoy.db.session import Session
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import ConfigurationError, PayloadError
from django_convoy.domain.promises import too_large

VIEW = "convoy:debug"
NAME = "debug-web"
_SALT = "django_convoy.debug_web"
LONGEST = 32_768
"""Characters of a job in a URL: `runserver` takes 65,536 in a line, some servers much fewer."""
INCLUDE = (
    f"the broker {NAME!r} needs its page: add "
    "`path('convoy/', include('django_convoy.web.urls'))` to ROOT_URLCONF"
)


@dataclass(frozen=True)
class Announcement:
    """What is written when the transaction of an enqueue commits."""

    lines: tuple[str, ...]

    def __call__(self) -> None:
        sys.stderr.write("".join(f"{line}\n" for line in self.lines))


class DebugWebBroker(Nowhere):
    """Keeps nothing. A job is its URL, signed, so that only what was enqueued can be run.

    site: what stands before the path. alias: the database whose commit is waited for.
    """

    # Each run is the first and is undone, so that what tasks ask for beyond that is kept, too.
    capabilities = Capabilities(
        transactional="default", max_body=LONGEST, browse=False, unique=False, shared=False
    )

    def __init__(self, site: str = "http://localhost:8000", alias: str = "default") -> None:
        if not (isinstance(site, str) and site.startswith(("http://", "https://"))):
            raise ConfigurationError(f"site must be a URL such as http://localhost, not {site!r}")
        self._site = site.rstrip("/")
        self._alias = Session(alias).alias
        self.capabilities = replace(self.capabilities, transactional=alias)

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Write URLs to standard error, once the caller's transaction is committed."""
        lines = tuple(f"{one.task}: {self._site}{path_of(one)}" for one in envelopes)
        if lines:
            transaction.on_commit(Announcement(lines), using=self._alias)


def path_of(envelope: Envelope) -> str:
    """Return the path under which a job is run. Raises PayloadError, ConfigurationError."""
    token = signing.dumps(pack(envelope), salt=_SALT, compress=True)
    if len(token) > LONGEST:
        raise too_large(envelope, len(token), LONGEST, NAME)
    try:
        return reverse(VIEW, args=[token])
    except NoReverseMatch:
        raise ConfigurationError(INCLUDE) from None


def job_of(token: str) -> Envelope | None:
    """Return the job that a path names, None for what `path_of` never made."""
    try:
        return unpack(signing.loads(token, salt=_SALT))[0]
    except (signing.BadSignature, PayloadError):
        return None
