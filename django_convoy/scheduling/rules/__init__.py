"""Rules of schedules: pure values that say when the next firing is.

    from django_convoy.scheduling.rules import cron, daily, every

    cron("0 3 * * *", tz="Europe/Berlin")
    every(minutes=10, between="9-17", weekdays="mon-fri")
    daily(at="18:30", holidays="DE-BY", on_holiday="before")

The interface that whoever fires schedules builds on:

    rule.next(after, fired=0)   the first firing later than `after`, in UTC; None: never again
    rule.due(intended, key)     when to enqueue it: `jitter` later at most, the same on every host
    rule.zoned(tz)              the rule with a zone, unless it has one (the site's TIME_ZONE)
    rule.starting(at)           the rule with a start, unless it has one (the time it was made)
    rule.words()                a sentence
    rule.to_json() / Rule.from_json(data)
    rule.aware(value) / rule.local(moment)      in and out of the rule's zone (USE_TZ=False)
    missed(rule, last, now) / last_missed(rule, last, now) / preview(rule, after, count)

No Django, no clock, no input or output in here. Everything a user can get wrong raises
InvalidSchedule, with the field, what was given and what is allowed.
"""

from django_convoy.scheduling.rules.firings import Firing, last_missed, missed, preview
from django_convoy.scheduling.rules.making import (
    bimonthly,
    biweekly,
    cron,
    daily,
    every,
    fields,
    hourly,
    minutes,
    monthly,
    once,
    quarterly,
    weekly,
    yearly,
)
from django_convoy.scheduling.rules.options import Options
from django_convoy.scheduling.rules.rule import Rule

__all__ = [
    "Firing",
    "Options",
    "Rule",
    "bimonthly",
    "biweekly",
    "cron",
    "daily",
    "every",
    "fields",
    "hourly",
    "last_missed",
    "minutes",
    "missed",
    "monthly",
    "once",
    "preview",
    "quarterly",
    "weekly",
    "yearly",
]
