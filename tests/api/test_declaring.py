"""What cannot work is refused where the task is declared, with a sentence that says what to do."""

from datetime import timedelta

import django
import pytest

from django_convoy import InvalidOption, Task, task
from django_convoy.domain.backoff import Constant, Exponential, Linear
from django_convoy.framework import InvalidTask, task_backends
from tests.api import tasks


def body():
    """Not decorated: the tests do that."""


async def async_body():
    """The same, asynchronous."""


SQLITE = "default"  # the test site's database


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retrys": 3}, "unknown task option 'retrys'; did you mean 'retries'?"),
        ({"queue": "mail"}, "did you mean 'queue_name'?"),
        ({"zzz": 1}, "unknown task option 'zzz'; there are: atomic, "),
        ({"retries": -1}, "retries must be a whole number from 0 up, not -1"),
        ({"retries": True}, "not True"),
        ({"retries": "3"}, "not '3'"),
        ({"crash_budget": 0}, "crash_budget must be a whole number from 1 up, not 0"),
        ({"backoff": "cubic"}, "backoff must be seconds"),
        ({"backoff": -1}, "not -1"),
        ({"retry_on": ["no.Such"]}, "retry_on: there is no exception 'no.Such'"),
        ({"give_up_on": 3}, "give_up_on takes exception classes or their paths, not 3"),
        ({"timeout": 0}, "timeout must be a timedelta or seconds above 0, not 0"),
        ({"timeout": timedelta(0)}, "seconds above 0"),
        ({"timeout": float("nan")}, "not nan"),
        ({"grace": -1}, "grace must be"),
        ({"keep": "1d"}, "keep must be a timedelta or seconds above 0, not '1d'"),
        ({"expires": -5}, "expires must be"),
        ({"expires": "soon"}, "seconds above 0 or a datetime, not 'soon'"),
        ({"priority": "high"}, "priority must be a whole number between -100 and 100, not 'high'"),
        ({"priority": None}, "not None"),
        ({"priority": float("nan")}, "not nan"),
        ({"run_after": timedelta(1)}, "run_after is for single calls: say it in using("),
        ({"delivery": "exactly_once"}, "for exactly-once database work say atomic=True"),
        ({"atomic": "yes"}, "atomic must be True or False, not 'yes'"),
        ({"kill_on_stop": 1}, "kill_on_stop must be True or False, not 1"),
        ({"keep_result": None}, "keep_result must be True or False, not None"),
    ],
)
def test_an_option_that_cannot_work_is_refused_by_name(options, words):
    with pytest.raises(InvalidOption) as caught:
        task(**options)(body)
    assert words in str(caught.value)
    assert isinstance(caught.value, InvalidTask)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delivery": "at_most_once", "retries": 1}, "runs once: retries must stay 0"),
        ({"delivery": "at_most_once", "kill_on_stop": True}, "which delivery"),
        ({"delivery": "at_most_once", "atomic": True, "timeout": 1}, "exclude each other"),
        ({"atomic": True}, "atomic=True on SQLite needs timeout=5 or less"),
        ({"atomic": True, "timeout": 60}, "or use PostgreSQL"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, words):
    with pytest.raises(InvalidOption) as caught:
        task(**options)(body)
    assert words in str(caught.value)
    assert "tests.api.test_declaring.body" in str(caught.value)


def test_atomic_needs_a_plain_function():
    with pytest.raises(InvalidOption, match="Write `def` instead of `async def`"):
        task(atomic=True, timeout=1)(async_body)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"broker": "memory"}, 'broker: "database"'),
        ({"store": "cache"}, 'store: "database"'),
    ],
)
def test_atomic_is_refused_where_it_cannot_be_kept(settings, options, words):
    backend = {**settings.TASKS["default"], "OPTIONS": options}
    settings.TASKS = {"default": backend}
    with pytest.raises(InvalidOption) as caught:
        task(atomic=True, timeout=1)(body)
    assert words in str(caught.value)


def test_a_backends_default_counts_when_options_are_checked_together(settings):
    options = {"task": {"retries": 2}}
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}
    with pytest.raises(InvalidOption, match="retries must stay 0"):
        task(delivery="at_most_once")(body)


@pytest.mark.parametrize("function", [body, async_body])
def test_a_default_is_no_way_around_what_atomic_needs(settings, function):
    options = {"task": {"atomic": True}}
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}
    with pytest.raises(InvalidOption) as caught:
        task(function)
    assert "atomic=True" in str(caught.value)
    assert "the defaults of TASKS['default']['OPTIONS']['task']" in str(caught.value)
    assert task(atomic=False)(function).atomic is False
    assert task(timeout=1)(body).timeout == 1


@pytest.mark.django_db
def test_a_default_that_comes_later_is_looked_at_by_the_enqueue(settings):
    options = {"task": {"atomic": True}}
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}
    for declared in (tasks.add, tasks.later):
        with pytest.raises(InvalidOption, match="atomic=True"):
            declared.enqueue(1)


@pytest.mark.skipif(django.VERSION < (6, 1), reason="before 6.1 it takes no further options")
def test_djangos_own_decorator_takes_our_options_and_refuses_unknown_ones():
    from django.tasks import task as django_task

    made = django_task(retries=2)(body)
    assert isinstance(made, Task)
    assert made.retries == 2
    with pytest.raises(InvalidTask, match="did you mean 'retries'"):
        django_task(retris=2)(body)


def test_djangos_own_decorator_makes_our_tasks():
    assert isinstance(tasks.plain, Task)


@pytest.mark.parametrize(
    "options",
    [{"queue_name": "no such queue"}, {"priority": 101}, {"priority": 1.5}, {"priority": -101}],
)
def test_what_django_refuses_is_refused(settings, options):
    backend = {**settings.TASKS["default"], "QUEUES": ["default"]}
    settings.TASKS = {"default": backend}
    with pytest.raises(InvalidTask):
        task(**options)(body)


def test_a_queue_that_is_not_declared_is_refused_and_named(settings):
    settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["default", "mail"]}}
    assert task(queue_name="mail")(body).queue_name == "mail"
    with pytest.raises(InvalidTask, match=r"'post'.*\['QUEUES'\]; there are: default, mail"):
        task(queue_name="post")(body)
    with pytest.raises(InvalidTask, match=r"'mial'.*; did you mean 'mail'\?"):
        task(queue_name="mial")(body)


def test_a_backend_that_is_not_declared_is_refused_and_those_that_are_named(settings):
    settings.TASKS = {**settings.TASKS, "slow": settings.TASKS["default"]}
    for declare in (lambda: task(backend="nowhere")(body), lambda: tasks.add.using(backend="low")):
        with pytest.raises(task_backends.exception_class) as caught:
            declare()
        assert "doesn't exist. TASKS has no such alias; " in str(caught.value)
    assert str(caught.value).endswith("did you mean 'slow'?")


def test_a_backend_that_cannot_be_imported_is_named(settings):
    settings.TASKS = {"default": {"BACKEND": "no.such.Backend"}}
    with pytest.raises(task_backends.exception_class, match=r"no\.such\.Backend"):
        task(body)


def test_only_functions_of_a_module_are_tasks():
    with pytest.raises(InvalidTask, match="module level"):
        task(lambda: None)


def test_a_task_that_takes_the_context_needs_an_argument_for_it():
    with pytest.raises(InvalidTask, match="'context'"):
        task(takes_context=True)(body)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (10, Constant(10.0)),
        ("linear", Linear()),
        (["exponential", {"base": 1}], Exponential(base=1)),
        (Linear(step=3), Linear(step=3)),
    ],
)
def test_backoff_can_be_written_in_many_ways(given, kept):
    assert task(backoff=given)(body).backoff == kept


def test_exceptions_can_be_named_by_path():
    made = task(retry_on=["OSError", "django.db.utils.OperationalError"], give_up_on=ValueError)
    from django.db import OperationalError

    declared = made(body)
    assert declared.retry_on == (OSError, OperationalError)
    assert declared.give_up_on == (ValueError,)


def test_a_declaration_opens_nothing(settings):
    """Tasks are imported before the apps are ready: a database that is not there is no matter."""
    options = {"broker": {"name": "database", "alias": "nowhere"}}
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}
    assert task(retries=1)(body).retries == 1
