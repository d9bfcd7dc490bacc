"""Options say what is wrong with them, and take the names of boto3 and Django-Q."""

import importlib.util
from typing import Any

import pytest

from django_convoy import InvalidOption, task
from django_convoy.brokers.sqs import SqsBroker
from django_convoy.brokers.sqs_options import Redrive, read
from django_convoy.conf import SettingsError
from django_convoy.domain.errors import ConfigurationError
from django_convoy.runtime import runtime_of


def test_what_django_q_takes_is_taken() -> None:
    options = read(
        {
            "aws_region": "us-east-1",
            "aws_access_key_id": "ac-Idr",
            "aws_secret_access_key": "500f7b",
            "aws_session_token": "token",
            "profile_name": "work",
            "receive_message_wait_time_seconds": 5,
        }
    )
    assert (options.region, options.profile, options.wait) == ("us-east-1", "work", 5)
    assert read({}) == read({"aws_region": None, "aws_access_key_id": None})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"aws_regoin": "x"}, "unknown option 'aws_regoin'; did you mean 'aws_region'?"),
        ({"bulk": 11}, "bulk=11: must be a whole number from 1 to 10"),
        ({"bulk": 0}, "bulk=0: must be"),
        ({"bulk": True}, "bulk=True: must be"),
        ({"receive_message_wait_time_seconds": 21}, "receive_message_wait_time_seconds=21: must"),
        ({"wait": 2.5}, "wait=2.5: must be a whole number from 0 to 20"),
        ({"region": "a", "aws_region": "b"}, "region is given twice"),
        ({"aws_access_key_id": "a"}, "aws_access_key_id and aws_secret_access_key belong together"),
        ({"fifo": "yes"}, "fifo='yes': must be True or False"),
        ({"group": "queue"}, "group='queue' needs fifo=True"),
        ({"fifo": True, "group": "tasks"}, "must be one of 'job', 'task', 'queue'"),
        ({"prefix": "a:b"}, "prefix='a:b': must be letters"),
        ({"max_message": 2**20 + 1}, "max_message=1048577: must be"),
        ({"redrive": 3}, "redrive=3: must be a dict such as"),
        ({"redrive": {"max_recieves": 1}}, "must be a dict such as"),
        ({"redrive": {"max_receives": 1, "queu": "x"}}, "did you mean 'queue'?"),
        ({"redrive": {"max_receives": 0}}, "must be a whole number from 1 to 1000"),
        ({"fifo": True, "redrive": {"max_receives": 1, "queue": "dead"}}, "must end in '.fifo'"),
        ({"timeout": 0}, "timeout=0: must be seconds"),
    ],
)
def test_wrong_options_are_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(given)
    assert told in str(caught.value)


def test_secrets_are_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read({"aws_access_key_id": "key", "aws_secret_access_key": b"hush"})
    assert "hush" not in str(caught.value)


def test_a_dead_letter_policy_may_name_its_queue() -> None:
    assert read({"redrive": {"max_receives": 5}}).redrive == Redrive(5)
    given = {"redrive": {"max_receives": 5, "queue": "dead"}}
    assert read(given).redrive == Redrive(5, "dead")


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r'pip install "django-convoy\[sqs\]"'):
        SqsBroker()


def test_mistakes_say_where_they_are(settings: Any) -> None:
    settings.TASKS = {
        "default": {
            "BACKEND": "django_convoy.backend.ConvoyBackend",
            "OPTIONS": {"broker": {"name": "sqs", "wait": 60}},
        }
    }
    with pytest.raises(SettingsError, match=r"TASKS\['default'\]\['OPTIONS'\]: wait=60: must be"):
        runtime_of("default")


def test_the_broker_says_what_it_cannot_do() -> None:
    standard, fifo = SqsBroker().capabilities, SqsBroker(fifo=True).capabilities
    assert (standard.max_delay.total_seconds(), fifo.max_delay.total_seconds()) == (900, 0)
    assert (standard.exclusive, fifo.exclusive) == (False, True)
    for name in ("fencing", "browse", "priority", "ordered", "atomic_batches", "exact_purge"):
        assert not getattr(standard, name)
    assert SqsBroker(max_message=256 * 1024).capabilities.max_body == (256 - 8) * 1024


def test_no_task_may_run_for_longer_than_the_server_holds_it(settings: Any) -> None:
    settings.TASKS = {
        "default": {
            "BACKEND": "django_convoy.backend.ConvoyBackend",
            "OPTIONS": {"broker": {"name": "sqs"}},
        }
    }
    with pytest.raises(InvalidOption, match="'sqs' holds a job for 11:59:00 at most"):
        task(timeout=86_400)(test_secrets_are_not_shown)
