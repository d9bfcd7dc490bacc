"""Schedules in the admin: a form that says when it will fire, a history, pauses."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_convoy.admin.schedule_form import OF_RULE, ScheduleForm, aliases, is_declared
from django_convoy.db.schedules import StoredSchedule
from django_convoy.domain.errors import ConvoyError
from django_convoy.runtime import runtime_of
from django_convoy.schedules import book_of
from django_convoy.scheduling.book import words_of
from django_convoy.scheduling.rules import Firing, Rule, preview
from django_convoy.scheduling.rules.values import whole
from django_convoy.scheduling.table import Row
from django_convoy.scheduling.wording import OPTIONS

SHOWN = 10
MOST_SHOWN = 500
COUNT = "preview_count"
"""The field that says how many times the preview lists; it is part of no schedule."""
_NAMES = ("name", "backend")
_CALL = ("task", "args", "kwargs", "queue_name", "priority", "intended")
_LOOK = ("state", "times", "history")


@admin.register(StoredSchedule)
class ScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What code and settings declare can be paused and run here, and is changed there."""

    form = ScheduleForm
    list_display = ("name", "backend", "task", "words", "next_time", "last_time", "state")
    list_filter = ("backend", "paused", "retired", "origin")
    search_fields = ("name", "task")
    ordering = ("name",)
    actions = ("pause", "resume", "run_now")
    readonly_fields = _LOOK

    class Media:
        js = ("django_convoy/schedule_preview.js",)

    # What is seen

    def get_queryset(self, request: HttpRequest) -> QuerySet[StoredSchedule]:
        """Return the schedules of this site's aliases, in their database."""
        mine, database = Q(pk__in=[]), None
        for alias in aliases():
            runtime = runtime_of(alias)
            there = runtime.shared.tables.alias
            if database in (None, there):
                database = there
                mine |= Q(backend=alias, namespace=runtime.options.namespace)
        return super().get_queryset(request).using(database).filter(mine)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Group the fields; the rare ones are folded away."""
        if obj is not None and is_declared(obj):
            return [(None, {"fields": [*_NAMES, "paused"]}), ("Times", {"fields": _LOOK})]
        return [
            (None, {"fields": [*_NAMES, *_CALL]}),
            ("When", {"fields": ["kind", "value", "tz", "times" if obj is None else "paused"]}),
            (
                "Limits and exceptions",
                {
                    "classes": ["collapse"],
                    "fields": [*(one for one in OPTIONS if one != "tz"), "rule"],
                },
            ),
            ("What may happen", {"fields": ["catch_up", "overlap"]}),
            *([] if obj is None else [("Times", {"fields": _LOOK})]),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep what names a schedule."""
        return _LOOK if obj is None else (*_NAMES, *_LOOK)

    @admin.display(description="when")
    def words(self, stored: StoredSchedule) -> str:
        """Say the rule."""
        row = _row(stored)
        return "" if row is None else words_of(row)

    @admin.display(description="next", ordering="next_at")
    def next_time(self, stored: StoredSchedule) -> Any:
        """Say when it fires next."""
        return None if stored.paused or stored.retired else stored.next_at

    @admin.display(description="last", ordering="last_at")
    def last_time(self, stored: StoredSchedule) -> Any:
        """Say when it fired last."""
        return stored.last_at

    @admin.display(description="state")
    def state(self, stored: StoredSchedule) -> str:
        """Say whether it fires."""
        if book_of(stored.backend).paused:
            return "all schedules are paused"
        if stored.retired:
            return "retired: no longer declared"
        if stored.paused:
            return "paused"
        return stored.failure or ("over" if stored.next_at is None else "active")

    @admin.display(description="next times")
    def times(self, stored: StoredSchedule) -> SafeString:
        """Say the rule, and list the next firings in its zone and in UTC."""
        row = None if stored.pk is None else _row(stored)
        if row is None:
            words, listed = "Fill in the form to see when it will fire.", SafeString("")
        else:
            words, listed = words_of(row), _lines(book_of(row.backend).next(row, SHOWN))
        return format_html(
            '<div id="convoy-preview" data-url="{}" data-fields="{}" aria-live="polite">'
            '<p>{}</p><ul>{}</ul></div><p hidden><label for="id_{}">Show</label> '
            '<input type="number" name="{}" id="id_{}" min="1" max="{}" value="{}"></p>',
            reverse("admin:convoy_storedschedule_preview"),
            " ".join((*OF_RULE, COUNT)),
            words,
            listed,
            *(COUNT, COUNT, COUNT, MOST_SHOWN, SHOWN),
        )

    @admin.display(description="last firings")
    def history(self, stored: StoredSchedule) -> str:
        """List what became of the last firings, and how late they were."""
        row = None if stored.pk is None else _row(stored)
        runs = [] if row is None else book_of(stored.backend).history(row, SHOWN)
        lines = format_html_join(
            "",
            "<li>{} UTC, {} s late: {} {} {}</li>",
            (
                (
                    f"{one.intended_at:%Y-%m-%d %H:%M:%S}",
                    f"{one.late.total_seconds():.3f}",
                    one.outcome,
                    one.job_id,
                    one.note,
                )
                for one in runs
            ),
        )
        return format_html("<ul>{}</ul>", lines) if runs else "It has not fired yet."

    # What is changed

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store what the form declares, signed."""
        declared = change and is_declared(obj)
        book = book_of(obj.backend)
        row = book.get(obj.name) if declared else book.put(form.declaration)
        if form.cleaned_data.get("paused") != row.paused:
            row = book.pause(row.name) if not row.paused else book.resume(row.name)
        obj.pk, obj.name, obj.backend = row.id, row.name, row.backend

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove it with its history."""
        book_of(obj.backend).remove(obj.name)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Remove those that may be removed."""
        self._each(request, queryset, "removed", lambda book, one: book.remove(one.name))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave alone what code and settings declare."""
        if obj is not None and is_declared(obj):
            return False
        return super().has_delete_permission(request, obj)

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        """Have them fire nothing."""
        self._each(request, queryset, "paused", lambda book, one: book.pause(one.name))

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        """Have them fire again."""
        self._each(request, queryset, "resumed", lambda book, one: book.resume(one.name))

    @admin.action(description="Run now", permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: Any) -> None:
        """Enqueue their jobs, beside their times."""
        self._each(request, queryset, "enqueued", lambda book, one: book.run(one.name))

    def _each(
        self, request: HttpRequest, queryset: Any, done: str, act: Callable[[Any, Any], Any]
    ) -> None:
        count = 0
        for one in queryset:
            try:
                act(book_of(one.backend), one)
                count += 1
            except ConvoyError as error:
                self.message_user(request, str(error), messages.ERROR)
        if count:
            self.message_user(request, f"{count} {done}.", messages.SUCCESS)

    # The preview

    def get_urls(self) -> list[Any]:
        """Add the preview of what stands in the form."""
        view = self.admin_site.admin_view(self.preview_view)
        own = path("preview/", view, name="convoy_storedschedule_preview")
        return [own, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """Answer a form with the rule in words and its next firings, or with what is wrong."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form = ScheduleForm(request.POST or None)
        if request.method != "POST":
            return JsonResponse({"errors": {"": ["POST the form"]}}, status=405)
        try:
            rule = form.rule_alone()
            count = whole(COUNT, request.POST.get(COUNT) or SHOWN, 1, MOST_SHOWN)
        except ConvoyError as error:
            field = COUNT if getattr(error, "field", "") == COUNT else form.field_of(error)
            return JsonResponse({"errors": {field: [str(error)]}})
        return JsonResponse(_answer(rule, count))


def _answer(rule: Rule, count: int) -> dict[str, Any]:
    times = preview(rule, book_of(aliases()[0]).table.now(), count)
    return {
        "words": rule.words(),
        "lines": [_line(one) for one in times],
        "times": [[one.utc.isoformat(), one.local.isoformat()] for one in times],
    }


def _line(one: Firing) -> str:
    return f"{one.local:%a %Y-%m-%d %H:%M:%S %z} ({one.utc:%Y-%m-%d %H:%M:%S} UTC)"


def _lines(times: list[Firing]) -> SafeString:
    return format_html_join("", "<li>{}</li>", ((_line(one),) for one in times))


def _row(stored: StoredSchedule) -> Row | None:
    return book_of(stored.backend).table.get(stored.name)
