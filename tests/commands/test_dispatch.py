"""One command, a file per subcommand, and a sentence for every mistake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_convoy.management.commands.convoy import load, names
from django_convoy.management.output import READER_GONE, until_nobody_reads

ROOT = Path(__file__).resolve().parent.parent.parent


def manage(*arguments, env):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "convoy", *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_file_is_a_subcommand_and_keeps_the_contract():
    folder = ROOT / "django_convoy" / "management" / "subcommands"
    assert names() == sorted(path.stem for path in folder.glob("[a-z]*.py"))
    for name in names():
        command = load(name)
        assert command.help
        assert "\n" not in command.help
        assert callable(command.add_arguments)
        assert callable(command.handle)


def test_without_a_subcommand_there_is_a_list(convoy):
    shown = convoy().out
    for name in names():
        assert f"  {name} " in shown


def test_an_unknown_subcommand_is_answered_with_a_known_one(convoy):
    with pytest.raises(CommandError, match="did you mean 'status'"):
        convoy("statsu")
    with pytest.raises(CommandError, match="there are: cancel, doctor"):
        convoy("zzz")


def test_an_unknown_backend_is_answered_with_a_known_one(convoy):
    with pytest.raises(CommandError, match="did you mean 'default'"):
        convoy("status", "--backend", "defalt")


@pytest.mark.parametrize(
    "path",
    [
        "django_convoy.testing.doubles.DummyBackend",
        "django_convoy.testing.doubles.ImmediateBackend",
    ],
)
def test_a_double_has_nothing_to_show(convoy, settings, path):
    settings.TASKS = {"default": {"BACKEND": path}}
    with pytest.raises(CommandError, match="a double for tests"):
        convoy("status")


def test_another_systems_backend_is_refused(convoy, settings):
    from django_convoy.framework import DummyBackend

    path = f"{DummyBackend.__module__}.{DummyBackend.__qualname__}"
    settings.TASKS = {"default": {"BACKEND": path}}
    with pytest.raises(CommandError, match="not Convoy's: name another with --backend"):
        convoy("status")


def test_settings_that_cannot_work_are_a_sentence(convoy, settings):
    backend = {**settings.TASKS["default"], "OPTIONS": {"leese": 1}}
    settings.TASKS = {"default": backend}
    with pytest.raises(CommandError, match="did you mean 'lease'"):
        convoy("status")


@pytest.mark.django_db
def test_options_may_stand_on_both_sides_of_the_name(convoy):
    assert convoy("queues", "--json").data == []
    call_command("convoy", "--no-color", "queues", verbosity=0)


def test_a_subcommand_has_its_own_help_and_exit_status(process_env):
    shown = manage("retry", "--help", env=process_env)
    assert shown.returncode == 0
    assert "--failed" in shown.stdout
    assert "convoy retry" in shown.stdout
    wrong = manage("retry", "--fialed", env=process_env)
    assert wrong.returncode == 2
    assert "unrecognized arguments: --fialed" in wrong.stderr
    unknown = manage("statsu", env=process_env)
    assert unknown.returncode == 1
    assert (
        unknown.stderr.strip()
        == "CommandError: unknown subcommand 'statsu'; did you mean 'status'?"
    )


@pytest.mark.parametrize(
    "arguments", [("purge", "--failed", "--force"), ("--no-c", "purge"), ("purge", "--no-c")]
)
def test_an_abbreviated_option_is_no_option(process_env, arguments):
    answer = manage(*arguments, env=process_env)
    assert answer.returncode == 2
    assert "unrecognized arguments: --" in answer.stderr


@pytest.mark.parametrize("arguments", [["doctor"], ["--no-color", "doctor"], ["doctor", "--json"]])
@pytest.mark.django_db(transaction=True)
def test_a_reader_that_has_seen_enough_ends_it_without_a_word(process_env, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "django", "convoy", *arguments],
            env=process_env,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (READER_GONE, "")


def test_a_broken_pipe_of_another_kind_is_told():
    with pytest.raises(BrokenPipeError, match="a socket"), until_nobody_reads():
        raise BrokenPipeError("a socket")


def test_a_subcommand_loads_no_other(process_env):
    """The worker's processes are not to carry what the others import."""
    code = (
        "import sys, django\n"
        "from django.core.management import execute_from_command_line\n"
        "try: execute_from_command_line(['manage.py', 'convoy', 'queues', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if 'subcommands.doctor' in name])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env=process_env, capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.django_db(transaction=True)
def test_json_is_all_that_stands_on_standard_output(process_env):
    answer = manage("status", "--json", env=process_env | {"PYTHONWARNINGS": ""})
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.lstrip().startswith("{")
    assert answer.stdout.rstrip().endswith("}")
    assert os.linesep in answer.stdout
