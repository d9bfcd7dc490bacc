"""The schedules of a site, as people and programs change them: at once, and everywhere."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django_convoy.core.codec import Call, Codec
from django_convoy.domain import ids
from django_convoy.domain.errors import InvalidSchedule, SignatureError, UnknownFields
from django_convoy.domain.suggest import instead
from django_convoy.scheduling.bells import tell
from django_convoy.scheduling.calls import jobs, rule_of, seal, signed
from django_convoy.scheduling.deciding import ALLOW, wake
from django_convoy.scheduling.declaration import DECLARED, Declaration
from django_convoy.scheduling.rules import Firing as Time
from django_convoy.scheduling.rules import preview
from django_convoy.scheduling.runs import Run, check_overlap, run_of
from django_convoy.scheduling.site import Pair, Site
from django_convoy.scheduling.table import Fired, Row, Table


class Book:
    """Reads and changes schedules, in the caller's transaction if there is one.

    pair: on whose connections; None: those of this thread.
    """

    def __init__(self, site: Site, pair: Pair | None = None) -> None:
        self._site = site
        self._pair = pair or site.shared
        self._session = self._pair.tables
        self.table = Table(self._session, site.options.namespace, site.alias)

    @property
    def codec(self) -> Codec:
        """Signs and opens the calls."""
        return self._site.codec

    # Looking

    def all(self) -> list[Row]:
        """Return all schedules, by name."""
        return self.table.all()

    def get(self, name: str) -> Row:
        """Return one schedule. Raises InvalidSchedule when there is none."""
        return self._found(name, self.table.get(name))

    def _take(self, name: str) -> Row:
        return self._found(name, self.table.take(name))

    def _found(self, name: str, found: Row | None) -> Row:
        if found is None:
            known = [row.name for row in self.table.all()]
            hint = instead(name, known) if known else "there is none at all"
            raise InvalidSchedule(f"there is no schedule {name!r}; {hint}")
        return found

    @property
    def paused(self) -> bool:
        """Whether all schedules of the site are paused."""
        return self.table.site()[0]

    def next(self, row: Row, count: int) -> list[Time]:
        """Return the next firings of a schedule; none while it is retired or over."""
        if row.next_at is None or row.retired:
            return []
        before = row.next_at - timedelta(microseconds=1)
        return preview(rule_of(row.rule), before, count, row.fired)

    def history(self, row: Row, count: int) -> list[Run]:
        """Return what became of the last firings, newest first."""
        return [run_of(self._pair, one) for one in self.table.history(row.id, count)]

    # Declaring

    def put(self, declaration: Declaration) -> Row:
        """Add a schedule, or change the one of that name. Raises InvalidSchedule, PayloadError."""
        row = self._session.together(lambda: self._put(declaration))
        self.tell()
        return row

    def _put(self, declaration: Declaration) -> Row:
        there = self.table.take(declaration.name)
        now = self.table.now()
        self._check(declaration, there, now)
        return self.write(declaration, there, now)

    def check(self, declaration: Declaration, *, is_new: bool) -> None:
        """Raise InvalidSchedule for what `put` would refuse. is_new: nothing may have its name."""
        there = self.table.get(declaration.name)
        if is_new and there is not None and not there.retired:
            raise InvalidSchedule(
                f"name: there is a schedule {declaration.name!r} already: choose another name"
            )
        now = self.table.now()
        self._check(declaration, there, now)
        self.values(declaration, there, now)

    def _check(self, declaration: Declaration, there: Row | None, now: datetime) -> None:
        if there is not None and there.origin in DECLARED and not there.retired:
            raise InvalidSchedule(
                f"name: schedule {declaration.name!r} is declared in {there.origin}: change it "
                "there, or choose another name"
            )
        if declaration.rule.next(now) is None:
            rule = declaration.rule
            field = "rule" if rule.trigger.given is None else "at"
            field = field if rule.end is None else "end"
            raise InvalidSchedule(
                f"{field}: it never fires after now, {now:%Y-%m-%d %H:%M:%S} UTC: {rule.words()}"
            )

    def write(self, declaration: Declaration, there: Row | None, now: datetime) -> Row:
        """Write a declaration over what is there, whose it may be; without telling anybody.

        there: what `Table.take` has returned in this transaction.
        """
        name = declaration.name
        if there is None:
            values = self.values(declaration, None, now)
            self.table.insert({**_FRESH, **values, "name": name, "created_at": now})
            there = self.table.take(name)  # somebody else may have been first
        self.table.update(name, self.values(declaration, there, now))
        return self.get(name)

    def values(self, declaration: Declaration, there: Row | None, now: datetime) -> dict[str, Any]:
        """Return the columns of a declaration. The times stay where the rule does.

        Another rule goes on behind the last firing: after a step back of the clock `now` may be
        before it, and keys are not kept for ever.
        """
        if declaration.overlap != ALLOW:
            check_overlap(self._pair)
        site, queue = self._site, self._site.full_name(declaration.queue)
        call = Call(declaration.args, declaration.kwargs, declaration.options)
        payload, sealed, key_id = seal(
            site.codec,
            site.alias,
            declaration.name,
            queue,
            declaration.task,
            declaration.intended,
            call,
        )
        rule = json.dumps(declaration.rule.to_json(), sort_keys=True)
        values = {
            "task": declaration.task,
            "queue": queue,
            "priority": declaration.priority,
            "payload": payload,
            "seal": sealed,
            "key_id": key_id,
            "rule": rule,
            "intended": declaration.intended,
            "catch_up": declaration.catch_up,
            "overlap": declaration.overlap,
            "origin": declaration.origin,
            "mark": self.mark(declaration),
            "retired": False,
            "failures": 0,
            "failure": "",
            "changed_at": now,
        }
        fired = there.fired if there is not None and there.rule == rule else 0
        paused = there is not None and there.paused
        if there is not None and there.rule == rule and not there.retired:
            next_at = there.next_at
        else:
            last = None if there is None else there.last_at
            next_at = declaration.rule.next(max(now, last or now), fired)
        at = None if paused or next_at is None else declaration.rule.due(next_at, declaration.name)
        return values | {"next_at": next_at, "wake_at": at, "fired": fired}

    def sign_anew(self) -> int:
        """Sign with the present SECRET_KEY what an older one has signed; return how many."""
        count = 0
        for row in self.table.all():
            if row.key_id == self.codec.key_id:
                continue
            call = signed(row)
            try:
                sealed, key_id = self.codec.seal_again(call, call.id)
            except (SignatureError, UnknownFields):
                continue  # it says so when it is to be fired
            self.table.update(row.name, {"seal": sealed, "key_id": key_id})
            count += 1
        return count

    def mark(self, declaration: Declaration) -> str:
        """Return the digest of a declaration."""
        return declaration.mark(self._dump)

    def _dump(self, value: Any) -> str:
        return self._site.codec.seal("", "", "", Call([value]))[0]

    # Changing

    def remove(self, name: str) -> None:
        """Remove a schedule with its history. Raises InvalidSchedule."""

        def work() -> None:
            row = self._take(name)
            if row.origin in DECLARED and not row.retired:
                raise InvalidSchedule(
                    f"schedule {name!r} is declared in {row.origin}: remove it there; "
                    "until then it can be paused"
                )
            self.table.delete(row.id)

        self._session.together(work)
        self.tell()

    def pause(self, name: str) -> Row:
        """Have a schedule fire nothing until it is resumed. Raises InvalidSchedule."""
        self.get(name)
        self.table.update(name, {"paused": True, "wake_at": None})
        self.tell()
        return self.get(name)

    def resume(self, name: str) -> Row:
        """Have it fire again, from now on: what passed meanwhile was not missed."""

        def work() -> Row:
            row = self._take(name)
            if row.retired:
                raise InvalidSchedule(
                    f"schedule {name!r} is retired: it fires again when it is declared again"
                )
            return self._resume(row, self.table.now())

        row = self._session.together(work)
        self.tell()
        return row

    def _resume(self, row: Row, now: datetime) -> Row:
        rule, next_at = rule_of(row.rule), row.next_at
        if next_at is not None and next_at <= now:
            next_at = rule.next(now, row.fired)
        again = replace(row, paused=False, next_at=next_at)
        at = wake(again, rule, next_at)
        self.table.update(row.name, {"paused": False, "next_at": next_at, "wake_at": at})
        return replace(again, wake_at=at)

    def pause_all(self) -> None:
        """Have no schedule of the site fire until all are resumed."""
        self._session.together(self._pause_all)
        self.tell()

    def _pause_all(self) -> None:
        self.table.take_site()
        self.table.update_site({"paused": True})

    def resume_all(self) -> None:
        """Have them fire again, from now on; those that are paused themselves stay so."""
        self._session.together(self._resume_all)
        self.tell()

    def _resume_all(self) -> None:
        was_paused, *_ = self.table.take_site()
        now = self.table.now()
        if was_paused:
            for row in self.table.take_due(NO_LIMIT):
                self._resume(row, now)
        self.table.update_site({"paused": False})

    def run(self, name: str) -> str:
        """Enqueue a schedule's job now, beside its times; return the job's id.

        Raises InvalidSchedule, SignatureError, PayloadError.
        """

        def work() -> str:
            row = self._take(name)
            now, job_id = self.table.now(), ids.job_id()
            made = jobs(self._site.codec, row, rule_of(row.rule), [now], [job_id], now)
            self.table.insert_firings([Fired(row.id, now, now, job_id, "by hand")])
            self.table.update(name, {"last_job": job_id})
            self._site.intake.push(made)
            return job_id

        return self._session.together(work)

    def tell(self) -> None:
        """Wake the stewards for what was changed."""
        tell(self._session, self._pair.broker)


NO_LIMIT = 1_000_000
_FRESH: dict[str, Any] = {
    "paused": False,
    "last_at": None,
    "last_job": "",
}


def words_of(row: Row) -> str:
    """Return a schedule's rule in words; what is wrong where it cannot be read."""
    try:
        return rule_of(row.rule).words()
    except InvalidSchedule as error:
        return str(error)
