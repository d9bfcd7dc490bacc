"""Schedules in the admin: when one will fire is seen before it is saved."""

import pytest
from playwright.sync_api import expect

from django_convoy.runtime import runtime_of
from django_convoy.schedules import Schedule, book_of, schedule
from django_convoy.scheduling.editions import Edition
from django_convoy.scheduling.rules import cron, every

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/convoy/storedschedule/"


def field(page, name):
    return page.locator(f"#id_{name}")


@pytest.fixture
def form(staff):
    """The form of a new schedule, of which the rule is yet to be said."""
    staff.goto(f"{LIST}add/")
    field(staff, "name").fill("report")
    field(staff, "task").fill("tests.api.tasks.add")
    field(staff, "args").fill("[7]")
    return staff


def row_of(page, name):
    return page.locator("#result_list tbody tr").filter(has_text=name)


def act(page, action):
    page.get_by_label("Action:").select_option(label=action)
    page.locator("button[name=index]").click()


def test_a_cron_line_is_put_into_words_and_times_while_one_types(form):
    preview = form.locator("#convoy-preview")
    field(form, "tz").press_sequentially("Asia/Kathmandu")
    field(form, "value").press_sequentially("15 3 * * *")
    expect(preview).to_contain_text("At 03:15 every day (Asia/Kathmandu)")
    times = preview.get_by_role("listitem")
    expect(times).to_have_count(10)
    for told in times.all_inner_texts():
        assert " 03:15:00 +0545 (" in told
        assert told.endswith(" 21:30:00 UTC)")
    assert book_of("default").all() == []


def test_more_times_are_listed_on_request(form):
    times = form.locator("#convoy-preview").get_by_role("listitem")
    field(form, "value").fill("15 3 * * *")
    expect(times).to_have_count(10)
    form.get_by_label("Show").fill("50")
    expect(times).to_have_count(50)
    form.get_by_label("Show").fill("501")
    wrong = form.locator(".form-row.errors")
    expect(wrong).to_contain_text("from 1 to 500, not '501'")
    form.get_by_label("Show").fill("3")
    expect(times).to_have_count(3)
    expect(wrong).to_have_count(0)


def test_what_the_code_declares_lists_its_times_and_asks_for_nothing(staff):
    declared = Schedule("coded", "tests.api.tasks.add", every(years=1), args=[7]).declaration()
    Edition(book_of("default"), [declared]).apply()
    staff.goto(f"{LIST}{book_of('default').get('coded').id}/change/")
    expect(staff.locator("#convoy-preview li")).to_have_count(10)
    expect(staff.get_by_label("Show")).to_be_hidden()


def test_a_malformed_line_is_said_at_its_field_until_it_is_mended(form):
    wrong = form.locator(".form-row.errors")
    field(form, "value").fill("99 3 * * *")
    expect(wrong).to_have_count(1)
    expect(wrong).to_contain_text("minute cannot be '99'")
    expect(wrong.locator("#id_value")).to_have_attribute("aria-invalid", "true")
    expect(form.locator("#convoy-preview")).to_contain_text("minute cannot be '99'")
    field(form, "value").fill("9 3 * * *")
    expect(wrong).to_have_count(0)
    field(form, "tz").fill("Mars")
    expect(wrong.locator("#id_tz")).to_be_visible()
    expect(wrong).to_contain_text("Mars")


def test_a_rare_field_that_is_wrong_stays_in_sight(form):
    field(form, "value").fill("0 3 * * *")
    form.get_by_text("Limits and exceptions").click()
    field(form, "weekdays").fill("fun")
    expect(form.locator(".form-row.errors #id_weekdays")).to_be_visible()


def test_what_does_not_say_when_is_not_judged_while_one_types(form):
    field(form, "queue_name").press_sequentially("x")
    field(form, "tz").fill("Europe/Berlin")
    expect(form.locator(".form-row.errors #id_value")).to_be_visible()  # there is none yet
    expect(form.locator(".form-row.errors")).to_have_count(1)


def test_what_is_saved_stands_in_the_list(form):
    field(form, "value").fill("0 3 * * *")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form.locator(".messagelist")).to_contain_text("was added successfully")
    told = row_of(form, "report").inner_text()
    for one in ("tests.api.tasks.add", "At 03:00 every day", "active"):
        assert one in told


def test_it_is_paused_and_resumed_and_run_from_the_list(staff):
    schedule("report", "tests.api.tasks.add", every(years=1), args=[7])
    staff.goto(LIST)
    for action, told, state in (
        ("Pause", "1 paused.", "paused"),
        ("Resume", "1 resumed.", "active"),
        ("Run now", "1 enqueued.", "active"),
    ):
        row_of(staff, "report").get_by_role("checkbox").check()
        act(staff, action)
        expect(staff.locator(".messagelist")).to_contain_text(told)
        expect(row_of(staff, "report").locator(".field-state")).to_have_text(state)
    (job,) = runtime_of("default").shared.broker.jobs()
    assert job.envelope.task == "tests.api.tasks.add"


def test_a_stored_one_shows_its_times_and_new_ones_while_it_is_changed(staff):
    stored = schedule("report", "tests.api.tasks.add", cron("15 3 * * *"), args=[7])
    staff.goto(f"{LIST}{stored.id}/change/")
    preview = staff.locator("#convoy-preview")
    expect(preview).to_contain_text("At 03:15 every day")
    field(staff, "value").fill("30 4 * * *")
    expect(preview).to_contain_text("At 04:30 every day")


def test_a_value_beside_a_rule_is_not_passed_over(staff):
    stored = schedule("report", "tests.api.tasks.add", every(years=1), args=[7])
    staff.goto(f"{LIST}{stored.id}/change/")
    field(staff, "value").fill("30 4 * * *")
    expect(staff.locator(".form-row.errors #id_rule")).to_be_visible()
    field(staff, "rule").fill("")
    expect(staff.locator("#convoy-preview")).to_contain_text("At 04:30 every day")


def test_it_needs_no_mouse(form):
    field(form, "kind").focus()
    form.keyboard.press("Tab")
    form.keyboard.type("0 3 * * *")
    expect(form.locator("#convoy-preview")).to_contain_text("At 03:00 every day")
    form.keyboard.press("Enter")
    form.wait_for_url(f"**{LIST}")
    expect(row_of(form, "report")).to_have_count(1)


def test_it_can_be_read_on_a_phone(form, is_readable):
    field(form, "value").fill("0 3 * * *")
    expect(form.locator("#convoy-preview li")).to_have_count(10)
    assert is_readable(form)
    field(form, "value").fill("99 3 * * *")
    expect(form.locator(".form-row.errors")).to_have_count(1)
    assert is_readable(form)


def test_a_preview_that_cannot_be_had_says_so(form, staff):
    form.route("**/preview/", lambda route: route.fulfill(status=200, body="no JSON"))
    field(form, "value").fill("0 3 * * *")
    expect(form.locator("#convoy-preview")).to_contain_text("cannot be said now")
