"""The reference says what the code says, its SQL can be executed, and no link leads nowhere."""

import importlib.util
import re

import pytest
from django.core.management import call_command
from django.db import connections

from django_convoy.brokers import BROKERS
from django_convoy.management.commands.convoy import names
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, fail
from tests.databases import on_each_database
from tests.docs.pages import PAGES, ROOT, name, parts
from tests.working import work

REFERENCE = ROOT / "docs" / "reference"
TABLES = ROOT / "docs" / "tables.py"
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"^\$ python manage\.py convoy (.+?)(?:  +#.*)?$", re.MULTILINE)


@pytest.fixture(scope="module")
def tables():
    """The script that writes the tables."""
    spec = importlib.util.spec_from_file_location("docs_tables", TABLES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=name)
def test_the_tables_say_what_the_code_says(page, tables):
    text = page.read_text(encoding="utf-8")
    assert text == tables.written(text), "run `python docs/tables.py`"


def test_every_table_has_its_place(tables):
    pages = "".join(page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md"))
    places = [found[2] for found in tables.PLACE.finditer(pages)]
    assert sorted(places) == sorted(tables.TABLES)


def test_every_broker_is_named_with_its_page_before_the_table_of_capabilities():
    text = (REFERENCE / "brokers.md").read_text(encoding="utf-8").partition("<!-- table")[0]
    for broker in BROKERS:
        assert f"| `{broker}` |" in text
    for page in (ROOT / "docs" / "how-to").glob("*.md"):
        if page.stem in BROKERS:
            assert f"(../how-to/{page.name})" in text


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_of_the_documentation_exist(page):
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        assert line.split()[0] in names(), line


@on_each_database
def test_the_sql_of_the_documentation_can_be_executed(alias, settings):
    settings.TASKS = {
        "default": {
            "BACKEND": "django_convoy.backend.ConvoyBackend",
            "QUEUES": [],
            "OPTIONS": {"broker": {"name": "database", "alias": alias}},
        }
    }
    assert runtime_of("default").shared.store.alias == alias
    add.enqueue(1)
    fail.enqueue("x")
    work()
    add.enqueue(7)
    answers = {}
    for part in parts(REFERENCE / "tables.md"):
        if part.kind == "sql":
            with connections[alias].cursor() as cursor:
                cursor.execute(part.text.replace("accounts.tasks.send_welcome", add.module_path))
                answers[part.text.partition("\n")[0]] = cursor.fetchall()
    assert len(answers) == 7
    waiting, _, seven, failures, hours, *_ = answers.values()
    assert [row[:4] for row in waiting] == [("default", add.module_path, "ready", 1)]
    assert len(seven) == 1
    assert [row[1] for row in failures] == [fail.module_path]
    assert sum(row[2] for row in hours) == 2


def test_help_of_the_command_is_short_enough_to_read(capsys):
    call_command("convoy")
    assert all(len(line) < 100 for line in capsys.readouterr().out.splitlines())
