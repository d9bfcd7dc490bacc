"""A task is found by its path; where there is none, it is said what is missing or broken."""

import sys

import pytest

from django_convoy import TaskNotFound
from django_convoy.registry import find_task
from tests.api.tasks import add

BROKEN = {
    "needs": ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
    "lacks": ("from tests.app import nothing\n", "ImportError: cannot import name 'nothing'"),
    "fails": ("x = 1\n\n1 / 0\n", "ZeroDivisionError: division by zero"),
    "wrong": ("def f(:\n", "SyntaxError: "),
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A package of modules that cannot be imported."""
    package = tmp_path / "broken_site"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, (text, _) in BROKEN.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield "broken_site"
    for name in [one for one in sys.modules if one.startswith("broken_site")]:
        del sys.modules[name]


def test_a_task_is_found_by_its_path():
    assert find_task("tests.api.tasks.add") is add


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_module_is_named_with_its_error_and_the_place(site, name):
    with pytest.raises(TaskNotFound) as caught:
        find_task(f"{site}.{name}.add")
    told = str(caught.value)
    assert told.startswith(f"{site}.{name}.add: module {site}.{name} cannot be imported: ")
    assert BROKEN[name][1] in told
    assert f"{name}.py" in told
    assert "line 3" in told or name != "fails"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("add", "add: add doesn't look like a module path"),
        ("no_such_site.tasks.add", "no_such_site.tasks.add: No module named 'no_such_site'"),
        ("tests.api.taks.add", "tests.api.taks.add: No module named 'tests.api.taks'"),
        ("tests.api.tasks.ad", 'does not define a "ad" attribute'),
        ("tests.app.models.Note", "tests.app.models.Note is a ModelBase, not a task"),
    ],
)
def test_what_is_missing_is_named(path, words):
    with pytest.raises(TaskNotFound) as caught:
        find_task(path)
    assert words in str(caught.value)
    assert "cannot be imported" not in str(caught.value)
