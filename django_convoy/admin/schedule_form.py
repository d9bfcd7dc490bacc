"""The form of a schedule: what it says is read as in code and on the command line."""

import contextlib
import re
from typing import Any

from django import forms
from django.conf import settings

from django_convoy.db.schedules import StoredSchedule
from django_convoy.domain.errors import ConvoyError, InvalidSchedule, PayloadError
from django_convoy.framework import InvalidTask, task_backends
from django_convoy.schedules import book_of, from_options, read_rule
from django_convoy.scheduling.calls import rule_of, signed
from django_convoy.scheduling.deciding import ALLOW, CATCH_UPS, LAST, OVERLAPS
from django_convoy.scheduling.declaration import ADMIN, DECLARED, Declaration
from django_convoy.scheduling.rules import Rule
from django_convoy.scheduling.table import Row
from django_convoy.scheduling.wording import KINDS, OPTIONS, data_of, said
from django_convoy.serializers import SERIALIZERS
from django_convoy.tasks import ConvoyTask

JSON = SERIALIZERS["json"]()
"""As in a job: {"$": "date", "value": "2030-01-31"} is a date."""
_IN_VALUE = {"interval", "cron", "rule", *(name for name, _ in KINDS.values() if name)}
"""What rules call what is one field here."""
OF_RULE = ("kind", "value", "rule", *OPTIONS)
"""The fields that say when it fires."""


def aliases() -> list[str]:
    """Return the aliases of TASKS whose tasks can be scheduled."""
    return [one for one in task_backends if issubclass(task_backends[one].task_class, ConvoyTask)]


def _text(help_text: str = "", **options: Any) -> forms.CharField:
    widget = options.pop("widget", None) or _wide()
    return forms.CharField(required=False, help_text=help_text, widget=widget, **options)


def _wide() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "vTextField"})  # the admin's own


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Becomes a `Declaration` when it is cleaned."""

    name = forms.CharField(widget=_wide())
    backend = forms.ChoiceField(help_text="alias of TASKS")
    task = forms.CharField(
        widget=_wide(), help_text="path of the task: accounts.tasks.build_report"
    )
    args = _text("positional arguments; JSON: [7]", initial="[]")
    kwargs = _text('named arguments; JSON: {"full": true}', initial="{}")
    queue_name = _text("instead of the task's own queue")
    priority = forms.IntegerField(required=False, help_text="-100 to 100, higher first")
    kind = forms.ChoiceField(choices=[(one, one) for one in KINDS], required=False)
    value = _text("; ".join(f"{kind}: {told}" for kind, (_, told) in list(KINDS.items())[:6]))
    rule = _text(
        "any rule as JSON, instead of kind and value",
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
    )
    catch_up = forms.ChoiceField(
        choices=[(one, one) for one in CATCH_UPS],
        initial=LAST,
        help_text="of what was missed while no worker ran",
    )
    overlap = forms.ChoiceField(
        choices=[(one, one) for one in OVERLAPS],
        initial=ALLOW,
        help_text="while the last run is not over",
    )
    intended = _text("argument that gets the time for which it was scheduled")
    paused = forms.BooleanField(required=False)
    tz = _text(OPTIONS["tz"])
    start = _text(OPTIONS["start"])
    end = _text(OPTIONS["end"])
    repeat = _text(OPTIONS["repeat"])
    between = _text(OPTIONS["between"])
    weekdays = _text(OPTIONS["weekdays"])
    outside = _text(OPTIONS["outside"])
    holidays = _text(OPTIONS["holidays"])
    on_holiday = _text(OPTIONS["on_holiday"])
    blackouts = _text(OPTIONS["blackouts"])
    jitter = _text(OPTIONS["jitter"])
    gap = _text(OPTIONS["gap"])
    fold = _text(OPTIONS["fold"])

    class Meta:
        model = StoredSchedule
        fields = ("name", "backend", "task", "priority", "catch_up", "overlap", "intended")

    declaration: Declaration | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields.get("backend")
        if isinstance(choice, forms.ChoiceField):
            choice.choices = [(one, one) for one in aliases()]
        if self.instance.pk is None:
            return
        if is_declared(self.instance):
            self.fields = {"paused": self.fields["paused"]}
        row = book_of(self.instance.backend).table.get(self.instance.name)
        if row is not None:
            self.initial = {**self.initial, **_shown(row)}

    def clean(self) -> dict[str, Any]:
        """Read all of it; what is wrong is said at its field."""
        super().clean()
        data = dict(self.cleaned_data)
        if self.errors or (self.instance.pk is not None and is_declared(self.instance)):
            return data
        if self.instance.pk is not None:  # they name the schedule, and do not change
            data |= {"name": self.instance.name, "backend": self.instance.backend}
        try:
            self.declaration = self._declaration(data)
        except (ConvoyError, InvalidTask) as error:
            self.add_error(self.field_of(error) or None, str(error))
        return data

    def _declaration(self, data: dict[str, Any]) -> Declaration:
        given: dict[str, Any] = {
            "task": data["task"],
            "rule": self._rule(data),
            "args": _json(data, "args", list),
            "kwargs": _json(data, "kwargs", dict),
            "intended": data["intended"],
            "catch_up": data["catch_up"],
            "overlap": data["overlap"],
        }
        for name in ("queue_name", "priority"):
            if data[name] not in ("", None):
                given[name] = data[name]
        made = from_options(data["name"], given)
        if made.backend != data["backend"]:
            raise InvalidSchedule(
                f"backend: {data['task']} belongs to TASKS[{made.backend!r}]: choose that"
            )
        book = book_of(made.backend)
        declaration = made.declaration(ADMIN)
        book.check(declaration, is_new=self.instance.pk is None)
        return declaration

    def _rule(self, data: dict[str, Any]) -> dict[str, Any]:
        options = {name: data.get(name) for name in OPTIONS}
        if data["rule"]:
            if data["value"]:
                raise InvalidSchedule("rule: say it here or with a value, and empty the other")
            more = {key: one for key, one in options.items() if one not in ("", None)}
            return {**_json(data, "rule", dict), **more}
        return data_of(data["kind"] or "cron", data["value"].strip(), options)

    def rule_alone(self) -> Rule:
        """Return the rule of a form whose other fields may be wrong. Raises InvalidSchedule."""
        data = {name: str(self.data.get(name, "")).strip() for name in OF_RULE}
        self.cleaned_data = data
        return read_rule(self._rule(data)).zoned(settings.TIME_ZONE)

    def field_of(self, error: Exception) -> str:
        """Return the field that a refusal is about, or an empty text."""
        named = re.match("[a-z_]*", str(error))
        field: str = getattr(error, "field", "") or (named[0] if named else "")
        if isinstance(error, InvalidSchedule) and self.cleaned_data.get("rule"):
            if field in _IN_VALUE | {"kind", "value"} or field not in (*self.fields, ""):
                return "rule"
        elif field in _IN_VALUE:
            return "value"
        return field if field in self.fields else ""


def _json(data: dict[str, Any], name: str, kind: type[Any]) -> Any:
    try:
        value = JSON.loads(data[name] or ("[]" if kind is list else "{}"))
    except (ValueError, PayloadError) as error:
        raise InvalidSchedule(f"{name}: this cannot be read as JSON: {error}") from None
    if not isinstance(value, kind):
        example = '[7, "now"]' if kind is list else '{"name": "value"}'
        raise InvalidSchedule(f"{name}: must be JSON such as {example}, not {data[name]!r}")
    return value


def is_declared(stored: Any) -> bool:
    """Return whether code or settings have the say over a schedule."""
    return stored.origin in DECLARED and not stored.retired


def _shown(row: Row) -> dict[str, Any]:
    """Return a schedule as a form has it; of the call nothing, where it cannot be verified."""
    shown: dict[str, Any] = {
        "queue_name": row.queue.rpartition(":")[2],
        "paused": row.paused,
        "args": "",
        "kwargs": "",
        "rule": row.rule,
    }
    with contextlib.suppress(ConvoyError):
        call = book_of(row.backend).codec.open(signed(row))
        shown |= {"args": JSON.dumps(list(call.args)), "kwargs": JSON.dumps(dict(call.kwargs))}
    with contextlib.suppress(InvalidSchedule):
        found = said(rule_of(row.rule).to_json())
        if found is not None:
            kind, value, options = found
            shown |= {"kind": kind, "value": value, "rule": "", **options}
    return shown
