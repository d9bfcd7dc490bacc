"""The broker `debug-web`, from the URL it prints to what came of the job."""

import re

import pytest
from django.contrib.auth.models import User

from tests.app.models import Note
from tests.browser.conftest import PASSWORD, log_in
from tests.browser.policy import HEADER
from tests.web.tasks import enqueues, note

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def url(settings, server, capsys):
    """Enqueue, and return the URL that is printed."""
    broker = {"name": "debug-web", "site": server}
    settings.TASKS = {
        "default": {
            "BACKEND": "django_convoy.backend.ConvoyBackend",
            "QUEUES": [],
            "OPTIONS": {"broker": broker},
        }
    }

    def enqueue(task, *args, **kwargs):
        task.enqueue(*args, **kwargs)
        (found,) = re.findall(r"\S+: (http\S+)\n", capsys.readouterr().err)
        return found

    return enqueue


def run(page):
    page.get_by_role("button", name="Run it").click()
    return page.locator("#outcome")


def test_staff_run_a_job_and_see_what_came_of_it(staff, url):
    staff.goto(url(note, "x"))
    assert staff.get_by_role("heading", level=1).inner_text() == note.module_path
    assert staff.locator("#outcome").count() == 0
    seen = run(staff).inner_text()
    for told in ("It succeeded.", "[1, 'x']", "wrote <b>x</b>", "WARNING shop: logged x"):
        assert told in seen
    assert 'INSERT INTO "testapp_note"' in seen
    assert "It succeeded." in staff.title()
    assert not Note.objects.exists()


def test_it_can_be_run_again(staff, url):
    staff.goto(url(note, "x"))
    run(staff)
    staff.get_by_role("button", name="Run it again").click()
    assert "[1, 'x']" in staff.locator("#outcome").inner_text()
    assert not Note.objects.exists()


def test_a_failure_shows_its_traceback(staff, url):
    staff.goto(url(note, "x", fails=True))
    seen = run(staff)
    assert "A worker would try it again in 7.0 s." in seen.inner_text()
    assert "ValueError: no <i>luck</i> with x" in seen.locator("pre").first.inner_text()
    assert not Note.objects.exists()


def test_one_goes_on_to_the_job_that_a_job_enqueued(staff, url):
    staff.goto(url(enqueues, "next"))
    run(staff).get_by_role("link").click()
    assert staff.get_by_role("heading", level=1).inner_text() == note.module_path
    assert "[1, 'next']" in run(staff).inner_text()
    assert not Note.objects.exists()


def test_others_log_in_first_and_come_back(page, url):
    User.objects.create_user("ada", password=PASSWORD, is_staff=True)
    where = url(note, "x")
    page.goto(where)
    assert "/admin/login/" in page.url
    assert page.get_by_text(note.module_path).count() == 0
    log_in(page, "ada")
    assert page.url == where
    assert "It succeeded." in run(page).inner_text()


def test_it_needs_no_mouse(staff, url):
    staff.goto(url(note, "x"))
    for key in ("Tab", "Shift+Tab"):  # the second time one starts at what came of the first
        staff.keyboard.press(key)
        assert staff.locator(":focus").inner_text().startswith("Run it")
        with staff.expect_navigation():
            staff.keyboard.press("Enter")
        assert "It succeeded." in staff.locator("#outcome:focus").inner_text()


def test_it_can_be_read_on_a_phone(staff, url, is_readable):
    staff.goto(url(note, "x" * 300, fails=True))
    assert is_readable(staff)
    run(staff)
    assert is_readable(staff)


def test_the_page_itself_forbids_scripts_and_other_hosts(staff, url):
    policy = staff.goto(url(note, "x")).headers[HEADER.lower()]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
