"""What must stay true of the package's shape, whatever is added to it."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "django_convoy"
MODULES = sorted(PACKAGE.rglob("*.py"))
WRITTEN = [path for path in MODULES if "migrations" not in path.parts]  # not by a command

LONGEST = 400
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "syslog", "termios", "tty"}
EMPTY_NAMES = {"helper", "helpers", "manager", "managers", "misc", "util", "utils"}
REASON = re.compile(r"#.*\blazy: \S")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def imports_inside_functions(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(node)


def top_names(node: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {node.module.partition(".")[0]} if node.module and not node.level else set()


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@each(WRITTEN)
def test_files_stay_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST, f"{name(path)} has {lines} lines: give some of its job to another file"


@each(MODULES)
def test_modules_say_what_they_decide(path: Path) -> None:
    assert ast.get_docstring(parse(path)), f"{name(path)} has no docstring"


@each(MODULES)
def test_modules_have_telling_names(path: Path) -> None:
    words = {path.stem, path.parent.name}
    assert not words & EMPTY_NAMES, f"{name(path)}: name it after its one job"
    if path.stem == "base":
        classes = [node for node in parse(path).body if isinstance(node, ast.ClassDef)]
        assert classes, f"{name(path)}: base.py is for a base class"


@each(MODULES)
def test_imports_inside_functions_have_a_reason(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    silent = [
        node.lineno
        for node in imports_inside_functions(parse(path))
        if not any(REASON.search(line) for line in lines[node.lineno - 1 : node.end_lineno])
    ]
    assert not silent, f"{name(path)}, lines {silent}: move them up, or end them with '# lazy: why'"


@each(MODULES)
def test_modules_load_on_every_platform(path: Path) -> None:
    """What only POSIX has is imported where it is used: a site must at least start on Windows."""
    tree = parse(path)
    inside = {id(node) for node in imports_inside_functions(tree)}
    early = {n for node in imports(tree) if id(node) not in inside for n in top_names(node)}
    assert not early & POSIX_ONLY, f"{name(path)} imports {early & POSIX_ONLY} at module level"


def test_import_contracts_are_kept() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.skip("import-linter is in the development environment only")
    answer = run(tool, "--no-logo", "--no-cache")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_import_needs_no_settings() -> None:
    code = (
        "import django_convoy\nfrom django.conf import settings\nassert not settings.configured\n"
    )
    answer = run(sys.executable, "-W", "error", "-c", code, DJANGO_SETTINGS_MODULE="")
    assert answer.returncode == 0, answer.stderr


CLIENTS = ["MySQLdb", "boto3", "botocore", "dateutil", "holidays", "psycopg", "pymongo", "redis"]


def test_a_site_on_sqlite_needs_nothing_but_django() -> None:
    """Whatever is installed here: without the clients of servers it starts, checks and works."""
    code = f"""
import importlib, pkgutil, sys
for client in {CLIENTS}:
    sys.modules[client] = None
import django
django.setup()
from django.core.management import call_command
call_command("check")
import django_convoy.backend, django_convoy.launch, django_convoy.management.subcommands as faces
import django_convoy.worker.child, django_convoy.worker.solo, django_convoy.worker.supervisor
for found in pkgutil.iter_modules(faces.__path__):
    importlib.import_module(faces.__name__ + "." + found.name)
from django_convoy.runtime import runtime_of
from django_convoy.brokers.database import DatabaseBroker
assert type(runtime_of("default").private().broker) is DatabaseBroker
"""
    environ = {key: "" for key in os.environ if key.startswith("CONVOY_TEST_")}
    environ["CONVOY_TEST_DIR"] = os.environ.get("CONVOY_TEST_DIR", "")
    answer = run(sys.executable, "-c", code, DJANGO_SETTINGS_MODULE="tests.settings", **environ)
    assert answer.returncode == 0, answer.stderr
