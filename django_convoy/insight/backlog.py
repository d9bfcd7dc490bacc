"""What the jobs that wait have in common: who signed them, and what keeps them waiting."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Count

from django_convoy.core.codec import derive
from django_convoy.db.models import LiveJob
from django_convoy.db.session import Session
from django_convoy.domain.envelope import Note
from django_convoy.insight.site import Site, browser, own_rows

REACH = 10_000
"""So many jobs are looked at where counting means listing."""


@dataclass(frozen=True, slots=True)
class Key:
    """How many live jobs one key signed. role: "current", "fallback" or "unknown"."""

    id: str
    role: str
    jobs: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """complete: whether all live jobs were looked at.

    waiting: reasons for which jobs are handed back, and how many say so.
    """

    keys: list[Key]
    waiting: dict[str, int]
    complete: bool


def backlog(site: Site, secrets: Callable[[], Sequence[bytes]]) -> Backlog:
    """Return it; exact where jobs are in a database."""
    alias = site.shared.broker.capabilities.transactional
    if alias is not None:
        by_key, notes = _by_table(site, alias)
        complete = True
        outbox = site.shared.outbox
        if outbox is not None and outbox.exists():
            for key, count in outbox.keys().items():
                by_key[key] = by_key.get(key, 0) + count
    else:
        by_key, notes, complete = _by_listing(site)
    roles = {derive(secret)[0]: "fallback" for secret in secrets()}
    roles[derive(secrets()[0])[0]] = "current"
    ids = sorted(by_key | dict.fromkeys(roles, 0), key=lambda key: _order(roles, key))
    keys = [Key(key, roles.get(key, "unknown"), by_key.get(key, 0)) for key in ids]
    return Backlog(keys, dict(Counter(note for note in notes if note)), complete)


def _order(roles: dict[str, str], key: str) -> tuple[int, str]:
    return ("current", "fallback", "unknown").index(roles.get(key, "unknown")), key


def _by_table(site: Site, alias: str) -> tuple[dict[str, int], list[str]]:
    rows = own_rows(site, LiveJob.objects.using(alias).all())
    session = Session(alias)
    counted = session.step(
        lambda: list(rows.values_list("key_id").annotate(Count("id")).order_by())
    )
    held_back = rows.filter(note__contains='"waiting"').values_list("note", flat=True)[:REACH]
    notes = session.step(lambda: list(held_back))
    return dict(counted), [Note.from_json(json.loads(note)).waiting for note in notes]


def _by_listing(site: Site) -> tuple[dict[str, int], list[str], bool]:
    found = [
        held
        for name in browser(site).queues()
        if site.short_name(name) is not None
        for held in browser(site).jobs(queue=name, limit=REACH)
    ]
    by_key = Counter(held.envelope.key_id for held in found)
    return dict(by_key), [held.note.waiting for held in found], len(found) < REACH
