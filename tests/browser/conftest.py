"""A site that is being served, and a browser that is led through it.

Whatever a test does, its pages may complain of nothing and ask no other host: `page` sees to it.
"""

import os
from urllib.parse import urlsplit

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer

STRICT = "tests.browser.policy.strict"
PASSWORD = "secret"
DESK = {"width": 1100, "height": 800}
PHONE = {"width": 360, "height": 640}


@pytest.fixture(scope="package")
def server(django_db_setup):
    """The address of the site."""
    strict = override_settings(
        ALLOWED_HOSTS=["localhost"],
        LOGIN_URL="admin:login",
        MIDDLEWARE=[STRICT, *site.MIDDLEWARE],
        ROOT_URLCONF="tests.browser.urls",
    )
    with strict:
        server = LiveServer("localhost")
        yield server.url
        server.stop()


@pytest.fixture(scope="package")
def chromium(server):
    """One for all tests, which may keep files. Django would object to its loop in this thread."""
    from playwright.sync_api import sync_playwright  # lazy: only where there is a browser

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        path = os.environ["CONVOY_TEST_BROWSER"]
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context(base_url=server)
        context.set_default_timeout(10_000)
        yield context
        browser.close()


@pytest.fixture
def page(chromium, server, transactional_db):
    """A page of somebody whom the site does not know yet."""
    page = chromium.new_page()
    page.set_viewport_size(DESK)
    wrong = []
    host = urlsplit(server).netloc
    page.on("console", lambda said: wrong.append(said.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: urlsplit(asked.url).netloc == host or wrong.append(asked.url))
    yield page
    page.close()
    chromium.clear_cookies()
    assert not wrong, wrong


def log_in(page, name):
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


@pytest.fixture
def staff(page, server, client):
    """The page of somebody who may see everything, and has logged in."""
    client.force_login(User.objects.create_superuser("ada", password=PASSWORD))
    session = client.cookies[site.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": site.SESSION_COOKIE_NAME, "value": session, "url": server}])
    return page


@pytest.fixture
def is_readable():
    """Whether a page is as wide as a phone, and no wider."""

    def check(page):
        page.set_viewport_size(PHONE)
        return page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    return check
