"""The broker `debug-web`: a URL for each job, under which staff run it, and nothing remains."""

import re
import secrets
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.db import connections, transaction
from django.test import Client

from django_convoy import ConfigurationError, PayloadError, TaskResultDoesNotExist
from django_convoy.brokers.debug_web import job_of, path_of
from django_convoy.framework import TaskResultStatus, task_backends
from django_convoy.runtime import runtime_of
from tests.app.models import Note
from tests.web.tasks import enqueues, forever, note

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def path(site, announced):
    """The path of a job that was enqueued."""

    def enqueue(task, *args, **kwargs):
        task.enqueue(*args, **kwargs)
        ((_, url),) = announced()
        return urlsplit(url).path

    return enqueue


def test_enqueueing_writes_a_url_and_runs_nothing(site, announced):
    site(site="https://shop.example/")
    result = note.enqueue("x")
    ((task, url),) = announced()
    assert task == note.module_path
    assert url.startswith("https://shop.example/tools/convoy/debug/")
    assert result.status == TaskResultStatus.READY
    assert not Note.objects.exists()
    with pytest.raises(TaskResultDoesNotExist):
        note.get_result(result.id)
    note.enqueue_many(["a", "b"])
    assert len(announced()) == 2


def test_the_url_is_written_when_the_job_would_have_been_there(site, announced):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        note.enqueue("gone")
        raise ZeroDivisionError
    assert announced() == []
    with transaction.atomic():
        note.enqueue("there")
        assert announced() == []
    assert len(announced()) == 1


def test_looking_runs_nothing(staff, path):
    answer = staff.get(path(note.using(run_after=timedelta(hours=1), retries=5), "<b>", fails=True))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert note.module_path in text
    for shown in ("&#x27;&lt;b&gt;&#x27;", "fails=True", "retries=5", "not before", "Run it"):
        assert shown in text, shown
    assert "<b>" not in text
    assert "verdict" not in text.partition("<main>")[2]
    assert not Note.objects.exists()


def test_running_it_shows_what_came_of_it_and_leaves_nothing(staff, path):
    text = staff.post(path(note, "x")).content.decode()
    assert "It succeeded." in text
    assert "[1, &#x27;x&#x27;]" in text
    assert "INSERT INTO" in text
    assert "<dt>queries</dt><dd>2</dd>" in text
    for line in ("wrote &lt;b&gt;x&lt;/b&gt;", "to standard error", "WARNING shop: logged x"):
        assert line in text
    assert "1 call would have followed" in text
    assert not Note.objects.exists()


def test_a_database_that_nobody_asks_need_not_answer(staff, path, monkeypatch):
    gone = {**connections.settings["default"], "NAME": "/nowhere/gone.sqlite3"}
    monkeypatch.setitem(connections.settings, "gone", gone)
    connections["default"].close()  # what is connected by the job is rolled back as well
    assert b"It succeeded." in staff.post(path(note, "x")).content
    assert not Note.objects.exists()
    del connections["gone"]


def test_it_can_be_run_as_often_as_one_likes(staff, path):
    where = path(note, "x")
    assert staff.post(where).content.count(b"[1, &#x27;x") == 1
    assert staff.post(where).content.count(b"[1, &#x27;x") == 1


def test_a_failure_is_shown_with_its_traceback_and_what_would_follow(staff, path):
    text = staff.post(path(note, "x", fails=True)).content.decode()
    assert "It failed. A worker would try it again in 7.0 s." in text
    assert "ValueError: no &lt;i&gt;luck&lt;/i&gt; with x" in text
    assert "raise ValueError" in text
    assert not Note.objects.exists()


def test_a_timeout_holds(staff, path):
    assert b"TimeoutExceeded" in staff.post(path(forever)).content


def test_what_a_job_enqueues_is_shown(staff, path, announced):
    text = staff.post(path(enqueues, "next")).content.decode()
    (link,) = re.findall(r'<a href="([^"]+)"', text)
    assert "It succeeded." in text
    assert announced() == []
    assert b"&#x27;next&#x27;" in staff.get(urlsplit(link).path).content


def test_a_job_that_cannot_be_run_says_why(staff, path, monkeypatch):
    where = path(note, "x")
    monkeypatch.delattr("tests.web.tasks.note")
    assert b"It was not run: waits for a worker with newer code" in staff.post(where).content


def test_only_staff_see_it(client, path):
    where = path(note, "x")
    answer = client.get(where)
    assert (answer.status_code, unquote(answer.url)) == (302, f"/log-in/?next={where}")
    assert client.post(where).status_code == 302
    client.force_login(User.objects.create_user("eve"))
    assert client.get(where).status_code == 403
    assert client.post(where).status_code == 403


def test_a_form_of_another_site_runs_nothing(path, db):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("ada", is_staff=True))
    where = path(note, "x")
    assert client.post(where).status_code == 403
    text = client.get(where).content.decode()
    token = text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert b"It succeeded" in client.post(where, {"csrfmiddlewaretoken": token}).content


def test_what_was_not_enqueued_here_has_no_page(staff, path, settings):
    where = path(note, "x")
    for token in ("x", signing.dumps("x", salt="other"), where.split("/")[-2][:-1]):
        assert staff.get(f"/tools/convoy/debug/{token}/").status_code == 404
    assert staff.put(where).status_code == 405
    # Of another namespace, and after the site has gone over to another broker.
    settings.CONVOY_NAMESPACE = "blue"
    assert staff.get(where).status_code == 404
    settings.CONVOY_NAMESPACE = ""
    settings.TASKS = {"default": {"BACKEND": "django_convoy.backend.ConvoyBackend"}}
    assert staff.post(where).status_code == 404


def test_a_job_with_a_seal_of_another_key_is_not_run(staff, path):
    where = path(note, "x")
    forged = replace(job_of(where.split("/")[-2]), payload="{}", key_id="00000000")
    text = staff.post(path_of(forged)).content.decode()
    assert "It cannot be run: signed with the unknown key" in text
    assert "<button" not in text


def test_the_page_is_neither_kept_nor_framed(staff, path):
    answer = staff.get(path(note, "x"))
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Frame-Options"] == "DENY"


def test_what_does_not_fit_into_a_url_is_refused(site):
    rare = "".join(chr(0x20000 + secrets.randbits(15)) for _ in range(16_000))
    with pytest.raises(PayloadError, match="takes 32,768"):
        note.enqueue(rare)
    note.enqueue("x" * 40_000)  # what is packed well fits
    with pytest.raises(ConfigurationError, match="must be a URL"):
        site(site="localhost")
        runtime_of("default")


def test_urls_that_are_not_included_are_an_error(site, settings):
    assert task_backends["default"].check() == []
    settings.ROOT_URLCONF = "tests.web.without"
    (message,) = task_backends["default"].check()
    assert (message.id, "include('django_convoy.web.urls')" in message.msg) == ("convoy.E005", True)
    with pytest.raises(ConfigurationError, match="needs its page"):
        note.enqueue("x")
