"""What `convoy doctor` finds about schedules."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django_convoy.core.codec import derive
from django_convoy.domain.errors import ConvoyError
from django_convoy.insight.health import ERROR, FINE, NAMED, NOTICE, WARNING, Finding
from django_convoy.runtime import Runtime
from django_convoy.scheduling.book import Book
from django_convoy.scheduling.table import Row

ABOUT = "schedules"
OVERDUE = timedelta(minutes=1)


def findings(runtime: Runtime, secrets: Sequence[bytes]) -> Iterator[Finding]:
    """Look at the schedules of an alias; at nothing where there are none."""
    book = Book(runtime)
    try:
        rows, paused, now = book.all(), book.paused, book.table.now()
    except ConvoyError as error:
        yield Finding(ERROR, ABOUT, str(error))
        return
    if not rows:
        return
    yield Finding(FINE, ABOUT, f"{len(rows)} in all")
    if paused:
        yield Finding(NOTICE, ABOUT, "all are paused: `manage.py convoy schedule resume --all`")
    known = {derive(secret)[0] for secret in secrets}
    if unknown := [row for row in rows if row.key_id not in known]:
        yield Finding(
            ERROR,
            ABOUT,
            f"{_named(unknown)}: signed with a key that is not among SECRET_KEY and its "
            "fallbacks, so they are not fired. Put the old key into SECRET_KEY_FALLBACKS",
        )
    if old := [row for row in rows if row.key_id in known and row.key_id != runtime.codec.key_id]:
        yield Finding(
            NOTICE,
            ABOUT,
            f"{_named(old)}: signed with a fallback; the next start of a worker signs them anew",
        )
    for row in [one for one in rows if one.failures][:NAMED]:
        yield Finding(WARNING, ABOUT, f"{row.name} cannot be fired: {row.failure}")
    late = [one for one in rows if one.wake_at is not None and one.wake_at < now - OVERDUE]
    if late and not paused:
        yield Finding(
            WARNING,
            ABOUT,
            f"{_named(late)}: due, and not fired. Start a worker without --no-schedules",
        )


def _named(rows: Sequence[Row]) -> str:
    names = ", ".join(row.name for row in rows[:NAMED])
    return names + (", ..." if len(rows) > NAMED else "")
