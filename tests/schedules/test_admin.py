"""Schedules in the admin: what is entered is read as everywhere, and errors are at their field."""

import json
import re
import sys

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from django_convoy.models import StoredSchedule
from django_convoy.schedules import Schedule
from django_convoy.scheduling.calls import rule_of, signed
from django_convoy.scheduling.editions import Edition
from django_convoy.scheduling.rules import cron, every
from django_convoy.scheduling.rules.holidays import dates_of
from tests.api.tasks import add

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "admin:convoy_storedschedule_changelist"
ADD = "admin:convoy_storedschedule_add"
CHANGE = "admin:convoy_storedschedule_change"
PREVIEW = "admin:convoy_storedschedule_preview"
FORM = {
    "name": "report",
    "backend": "default",
    "task": "tests.api.tasks.add",
    "args": "[7]",
    "kwargs": '{"b": 2}',
    "kind": "cron",
    "value": "0 3 * * *",
    "tz": "Europe/Berlin",
    "catch_up": "last",
    "overlap": "allow",
}


@pytest.fixture
def site(admin_client, place):
    """A client of the admin."""
    return admin_client


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def errors(response):
    return {name: list(found) for name, found in response.context["adminform"].errors.items()}


def test_a_schedule_is_made(site, place):
    response = site.post(reverse(ADD), FORM)
    assert response.status_code == 302
    row = place.book.get("report")
    assert row.origin == "admin"
    assert rule_of(row.rule).to_json() == cron("0 3 * * *", tz="Europe/Berlin").to_json()
    call = place.book.codec.open(signed(row))
    assert (call.args, call.kwargs) == ([7], {"b": 2})
    place.put_off("report", -1)
    assert len(place.fire()) == 1


def test_the_list_says_when_each_runs(site, place):
    place.make("report", rule=cron("0 3 * * *", tz="Europe/Berlin"), args=[1])
    place.make("often", rule=every(minutes=10), args=[1])
    place.book.pause("often")
    text = text_of(site.get(reverse(LIST)))
    assert "At 03:00 every day (Europe/Berlin)" in text
    assert "Every 10 minutes" in text
    assert " paused " in text


def test_the_form_shows_what_is_stored_and_when_it_fires(site, place):
    site.post(reverse(ADD), {**FORM, "weekdays": "mon-fri", "jitter": "30"})
    row = place.book.get("report")
    place.book.run("report")
    response = site.get(reverse(CHANGE, args=[row.id]))
    initial = response.context["adminform"].form.initial
    assert initial["kind"] == "cron"
    assert initial["value"] == "0 3 * * *"
    assert initial["tz"] == "Europe/Berlin"
    assert initial["weekdays"] == "mon,tue,wed,thu,fri"
    assert initial["jitter"] == "30"
    assert json.loads(initial["args"]) == [7]
    text = text_of(response)
    first = place.book.next(row, 1)[0]
    assert f"{first.utc:%Y-%m-%d %H:%M:%S} UTC" in text
    assert f"{first.local:%Y-%m-%d %H:%M:%S %z}" in text
    assert "At 03:00 every day" in text
    assert "by hand" in text


def test_a_change_is_signed_and_keeps_what_was_not_changed(site, place):
    site.post(reverse(ADD), FORM)
    row = place.book.get("report")
    url = reverse(CHANGE, args=[row.id])
    assert site.post(url, {**FORM, "kwargs": '{"b": 3}', "paused": "on"}).status_code == 302
    changed = place.book.get("report")
    assert (changed.id, changed.next_at, changed.rule) == (row.id, row.next_at, row.rule)
    assert changed.paused
    assert place.book.codec.open(signed(changed)).kwargs == {"b": 3}
    assert site.post(url, FORM).status_code == 302
    assert not place.book.get("report").paused
    assert place.book.get("report").wake_at is not None


def test_arguments_that_json_does_not_have_survive_a_change(site, place):
    from datetime import date

    place.make("report", rule=cron("0 3 * * *"), args=[date(2030, 1, 31)])
    row = place.book.get("report")
    url = reverse(CHANGE, args=[row.id])
    initial = site.get(url).context["adminform"].form.initial
    given = {**FORM, "args": initial["args"], "kwargs": initial["kwargs"]}
    assert site.post(url, given).status_code == 302
    assert place.book.codec.open(signed(place.book.get("report"))).args == [date(2030, 1, 31)]


def test_any_rule_can_be_given_as_json(site, place):
    rule = {"kind": "every", "months": 1, "days": -1, "start": "2030-01-01T00:00:00+00:00"}
    given = {**FORM, "kind": "", "value": "", "rule": json.dumps(rule), "tz": ""}
    assert site.post(reverse(ADD), given).status_code == 302
    row = place.book.get("report")
    initial = site.get(reverse(CHANGE, args=[row.id])).context["adminform"].form.initial
    assert json.loads(initial["rule"])["days"] == -1


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "x" * 200}, "name", "at most 150"),
        ({"task": "nowhere.x"}, "task", "nowhere"),
        ({"args": "[7"}, "args", "cannot be read as JSON"),
        ({"args": "{}"}, "args", "must be JSON such as"),
        ({"args": "[]"}, "args", "missing a required argument: 'a'"),
        ({"kwargs": "[1]"}, "kwargs", "must be JSON such as"),
        ({"kwargs": '{"c": 1}'}, "kwargs", "unexpected keyword argument 'c'"),
        ({"intended": "c"}, "intended", "unexpected keyword argument 'c'"),
        ({"value": "99 3 * * *"}, "value", "99"),
        ({"value": ""}, "value", "expression"),
        ({"kind": "every", "value": "5x"}, "value", "'5x'"),
        ({"kind": "every", "value": "0"}, "value", "second or longer, not '0'"),
        ({"kind": "every", "value": "10000000d"}, "value", "to 1000 years, not '10000000d'"),
        ({"kind": "minutes", "value": "0"}, "value", "from 1 to .*, not '0'"),
        ({"kind": "once", "value": "2001-01-01"}, "value", "never fires"),
        ({"end": "2001-01-01"}, "end", "never fires"),
        ({"kind": "daily", "value": "8:00", "between": "9-17"}, "between", "never fires"),
        ({"holidays": "DE"}, "holidays", "pip install holidays"),
        ({"holidays": "XX"}, "holidays", "pip install holidays"),
        ({"on_holiday": "after"}, "on_holiday", "needs holidays"),
        ({"start": "2031-01-01T00:00", "end": "2032-01-01T00:00+00:00"}, "end", "aware"),
        ({"kind": "hourly", "value": "7"}, "value", "hourly takes none"),
        ({"kind": "daily", "value": "25:00"}, "value", "'25:00'"),
        ({"tz": "Mars"}, "tz", "Mars"),
        ({"between": "9-99"}, "between", "9-99"),
        ({"weekdays": "fun"}, "weekdays", "fun"),
        ({"start": "soon"}, "start", "soon"),
        ({"end": "late"}, "end", "late"),
        ({"repeat": "-1"}, "repeat", "-1"),
        ({"jitter": "x"}, "jitter", "x"),
        ({"outside": "x", "between": "9-17"}, "outside", "x"),
        ({"blackouts": "x"}, "blackouts", "x"),
        ({"holidays": "2030-13-01, 2030-01-01"}, "holidays", "2030-13-01"),
        ({"gap": "x"}, "gap", "x"),
        ({"fold": "x"}, "fold", "x"),
        ({"rule": "{", "value": ""}, "rule", "cannot be read as JSON"),
        ({"rule": '{"kind": "x"}', "value": ""}, "rule", "x"),
        ({"rule": '{"kind": "daily", "x": 1}', "value": ""}, "rule", "unknown option 'x'"),
        ({"rule": '{"kind": "every", "hours": 0.5}', "value": "", "args": "[]"}, "args", "'a'"),
        ({"rule": '{"kind": "every", "days": 0.5}', "value": ""}, "rule", "days must be"),
        ({"rule": '{"kind": "every", "seconds": 0}', "value": ""}, "rule", "not 0"),
        ({"rule": '{"kind": "daily"}'}, "rule", "empty the other"),
        ({"priority": "1000"}, "priority", "between -100 and 100"),
        ({"intended": "b", "kwargs": '{"b": 2}'}, "kwargs", "gets the intended time"),
        ({"catch_up": "all", "overlap": "skip"}, "catch_up", "forbids"),
        ({"catch_up": "some"}, "catch_up", "some"),
        ({"backend": "other"}, "backend", "other"),
    ],
)
def test_every_mistake_is_said_at_its_field(site, place, monkeypatch, change, field, told):
    monkeypatch.setitem(sys.modules, "holidays", None)
    dates_of.cache_clear()
    response = site.post(reverse(ADD), {**FORM, **change})
    assert response.status_code == 200
    found = errors(response)
    assert list(found) == [field], found
    assert re.search(told, found[field][0])
    assert not StoredSchedule.objects.exists()


def test_a_name_that_is_taken_is_refused(site, place):
    site.post(reverse(ADD), FORM)
    assert "already" in str(errors(site.post(reverse(ADD), FORM))["name"])


def test_what_the_code_declares_can_be_paused_and_not_changed(site, place):
    Edition(place.book, [Schedule("coded", add, every(hours=1), args=[1]).declaration()]).apply()
    row = place.book.get("coded")
    url = reverse(CHANGE, args=[row.id])
    assert set(site.get(url).context["adminform"].form.fields) == {"paused"}
    assert site.post(url, {**FORM, "paused": "on"}).status_code == 302
    after = place.book.get("coded")
    assert after.paused
    assert (after.task, after.rule, after.payload) == (row.task, row.rule, row.payload)
    delete = reverse("admin:convoy_storedschedule_delete", args=[row.id])
    assert site.post(delete, {"post": "yes"}).status_code == 403
    assert site.post(url, {}).status_code == 302
    assert not place.book.get("coded").paused


def act(site, action, *rows):
    chosen = {"action": action, "_selected_action": [row.id for row in rows]}
    return text_of(site.post(reverse(LIST), {**chosen, "post": "yes"}, follow=True))


def test_actions(site, place):
    a, b = place.make("a", args=[1]), place.make("b", args=[2])
    assert "2 paused." in act(site, "pause", a, b)
    assert place.book.get("a").paused
    assert "1 resumed." in act(site, "resume", a)
    assert not place.book.get("a").paused
    assert "2 enqueued." in act(site, "run_now", a, b)
    assert len(place.jobs()) == 2
    act(site, "delete_selected", a)
    assert [row.name for row in place.book.all()] == ["b"]


def test_the_preview_answers_what_stands_in_the_form(site, place):
    answer = site.post(reverse(PREVIEW), {**FORM, "name": "", "task": "wrong"}).json()
    assert answer["words"] == "At 03:00 every day (Europe/Berlin)"
    assert len(answer["times"]) == 10
    utc, local = answer["times"][0]
    assert local.endswith(("03:00:00+01:00", "03:00:00+02:00"))
    assert utc.endswith("+00:00")
    wrong = site.post(reverse(PREVIEW), {**FORM, "tz": "Mars"}).json()
    assert "Mars" in wrong["errors"]["tz"][0]
    assert site.get(reverse(PREVIEW)).status_code == 405
    assert not StoredSchedule.objects.exists()


def test_the_preview_lists_as_many_as_are_asked_for(site, place):
    def answer(count):
        return site.post(reverse(PREVIEW), {**FORM, "preview_count": count}).json()

    assert [len(answer(count)["lines"]) for count in ("", "1", "50", "500")] == [10, 1, 50, 500]
    for wrong in ("0", "501", "many", "9" * 30):
        (told,) = answer(wrong)["errors"]["preview_count"]
        assert told == f"preview_count must be a whole number from 1 to 500, not {wrong!r}"
    assert site.post(reverse(ADD), {**FORM, "preview_count": "many"}).status_code == 302


def test_who_may_only_look_can_change_nothing(client, place):
    row = place.make("a", args=[1])
    user = User.objects.create_user("looker", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_storedschedule"))
    client.force_login(user)
    url = reverse(CHANGE, args=[row.id])
    assert client.get(url).status_code == 200
    assert client.post(url, FORM).status_code == 403
    assert client.post(reverse(PREVIEW), FORM).status_code == 403
    assert client.post(reverse(ADD), FORM).status_code == 403
    act(client, "pause", row)
    assert not place.book.get("a").paused


def test_each_namespace_sees_its_own(site, place, use):
    place.make("plain", args=[1])
    use(namespace="blue")
    assert "plain" not in text_of(site.get(reverse(LIST)))


def test_what_was_forged_shows_no_arguments(site, place):
    row = place.make("a", args=["right"])
    place.book.table.update("a", {"payload": '{"args":["forged"],"kwargs":{}}'})
    response = site.get(reverse(CHANGE, args=[row.id]))
    assert "forged" not in response.content.decode()
