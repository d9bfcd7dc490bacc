"""The examples run, page by page: each page's blocks are one module, `accounts.tasks`."""

import ast
import doctest
import sys
import types
import unittest

import pytest
from django.contrib.auth.models import User

from django_convoy import conf
from tests.docs.pages import PAGES, name, parts
from tests.working import work

FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
WITH_PYTHON = [p for p in PAGES if any(part.kind in ("python", "pycon") for part in parts(p))]
QUEUES = ("default", "mail", "reports")


@pytest.fixture
def module(monkeypatch):
    """The module that a page's blocks are executed in; tasks in it can be found by their path."""
    made = types.ModuleType("accounts.tasks")
    monkeypatch.setitem(sys.modules, "accounts", types.ModuleType("accounts"))
    monkeypatch.setitem(sys.modules, "accounts.tasks", made)
    return made


@pytest.fixture
def queues(settings):
    settings.TASKS = {
        "default": {
            "BACKEND": "django_convoy.backend.ConvoyBackend",
            "QUEUES": list(QUEUES),
        }
    }


def execute(module, page, part):
    """Execute a block; its lines are those of the page."""
    tree = ast.increment_lineno(ast.parse(part.text), part.line)
    exec(compile(tree, name(page), "exec"), vars(module))
    for alias, params in vars(module).pop("TASKS", {}).items():
        conf.parse(alias, params)  # settings in the documentation can work


def converse(module, page, part):
    """Run a session, with the names of the module; what it binds stays."""
    test = doctest.DocTestParser().get_doctest(
        part.text, vars(module), name(page), name(page), part.line
    )
    said: list[str] = []
    failed, _ = doctest.DocTestRunner(optionflags=FLAGS).run(
        test, out=said.append, clear_globs=False
    )
    assert not failed, "".join(said)
    vars(module).update(test.globs)


def run_case(module, case):
    result = unittest.TestResult()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(getattr(module, case))
    assert suite.countTestCases()
    suite.run(result)
    assert result.wasSuccessful(), result.failures + result.errors


@pytest.mark.filterwarnings("ignore:Django 2028 will not have a default mailer")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_the_examples_of_a_page_run(page, module, queues):
    for part in parts(page):
        if part.kind == "python":
            execute(module, page, part)
        elif part.kind == "pycon":
            converse(module, page, part)
        elif part.text == "work":
            assert work(queues=QUEUES), "no job was waiting"
        elif part.kind == "test":
            kind, _, case = part.text.partition(" ")
            assert kind == "case", f"{name(page)}, line {part.line}: what is {part.text!r}?"
            run_case(module, case)


@pytest.mark.django_db(transaction=True)
def test_the_atomic_task_of_the_documentation_is_atomic(module, queues):
    page = next(page for page in PAGES if page.stem == "transactions")
    for part in parts(page):
        if part.kind == "python":
            execute(module, page, part)
    user = User.objects.create(username="ada")
    module.close_account.enqueue(user.pk)
    ran = work(queues=QUEUES)
    assert len(ran) == 2  # it, and the goodbye that it enqueued
    user.refresh_from_db()
    assert not user.is_active
