"""A site with the broker `debug-web`, and people who may or may not see it."""

import re

import pytest
from django.contrib.auth.models import User

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


@pytest.fixture
def site(settings):
    def use(**options):
        broker = {"name": "debug-web", **options}
        settings.TASKS = {
            "default": {
                "BACKEND": "django_convoy.backend.ConvoyBackend",
                "QUEUES": [],
                "OPTIONS": {"broker": broker},
            }
        }

    settings.ROOT_URLCONF = "tests.web.urls"
    settings.MIDDLEWARE = MIDDLEWARE
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.LOGIN_URL = "/log-in/"
    use()
    return use


@pytest.fixture
def staff(client, site, db):
    client.force_login(User.objects.create_user("ada", is_staff=True))
    return client


@pytest.fixture
def announced(capsys):
    """The URLs that were written since it was last called."""
    return lambda: re.findall(r"(\S+): (http\S+)\n", capsys.readouterr().err)
