"""`convoy enqueue` enqueues any task from a shell."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError

from django_convoy.runtime import runtime_of

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
ECHO = "tests.api.tasks.echo"
ADD = "tests.api.tasks.add"

pytestmark = pytest.mark.django_db


def enqueued(convoy, *arguments, alias="default"):
    runtime = runtime_of(alias)
    held = runtime.shared.broker.find(convoy("enqueue", *arguments).out.strip())
    return held, runtime.codec.open(held.envelope)


def test_arguments_are_json_or_else_text(convoy):
    _, call = enqueued(
        convoy,
        ECHO,
        "1",
        "1.5",
        "true",
        "null",
        '"7"',
        "text",
        "[1, {}]",
        "a=b",
        "n=2",
        "e=",
        "2=3",
    )
    assert call.args == [1, 1.5, True, None, "7", "text", [1, {}], "2=3"]
    assert call.kwargs == {"a": "b", "n": 2, "e": ""}


def test_negative_numbers_and_what_looks_like_an_option(convoy):
    _, call = enqueued(convoy, ECHO, "--", "-1", "--x")
    assert call.args == [-1, "--x"]
    _, call = enqueued(convoy, ECHO, "-1")
    assert call.args == [-1]


def test_how_it_is_run(convoy):
    with time_machine.travel(NOON, tick=False):
        arguments = ("--queue", "mail", "--priority", "5", "--timeout", "2m", "--at", "+10m")
        held, call = enqueued(convoy, ECHO, *arguments)
    assert (held.envelope.queue, held.envelope.priority) == ("mail", 5)
    assert held.wake_at == NOON + timedelta(minutes=10)
    assert call.options == {"timeout": 120.0}
    held, _ = enqueued(convoy, ECHO, "--at", "2030-01-31T12:00")
    assert held.wake_at == NOON


def test_in_another_backend(convoy, settings):
    ours = settings.TASKS["default"]
    settings.TASKS = {"default": ours, "other": {**ours, "OPTIONS": {"namespace": "red"}}}
    held, _ = enqueued(convoy, ECHO, "--backend", "other", alias="other")
    assert held.envelope.queue == "red:default"


def test_the_id_is_all_that_is_printed(convoy):
    assert len(convoy("enqueue", ECHO).out.strip()) == 32
    assert set(convoy("enqueue", ECHO, "--json").data) == {"id"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tests.api.taks.echo",), "No module named 'tests.api.taks'"),
        (("tests.api.tasks.ekko",), "ekko"),
        (("echo",), "echo"),
        (("tests.app.models.Note",), "is a ModelBase, not a task"),
        ((ADD,), "tests.api.tasks.add(): missing a required argument: 'a'"),
        ((ADD,), "It is called as tests.api.tasks.add(a, b=0)"),
        ((ADD, "1", "c=2"), "unexpected keyword argument 'c'"),
        ((ADD, "1", "2", "3"), "too many positional arguments"),
        ((ECHO, "a=1", "a=2"), "a is given twice"),
        ((ECHO, "--priority", "500"), "whole number between -100 and 100"),
        ((ECHO, "--timeout", "0"), "timeout must be"),
        ((ECHO, "--at", "tomorrow"), "is not a time"),
        ((ECHO, "--at", "+999999d"), "'999999d' is more than a thousand years"),
        ((ECHO, "--at", f"+{'9' * 400}d"), "is more than a thousand years"),
        ((ECHO, "--queue", "post"), "Queue 'post' is not valid"),
        ((ECHO, "--queue", "defalt"), "did you mean 'default'?"),
    ],
)
def test_mistakes_are_sentences(convoy, settings, arguments, words):
    settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["default"]}}
    with pytest.raises(CommandError) as caught:
        convoy("enqueue", *arguments)
    assert words in str(caught.value)
