"""Settings are read on first use, and again when they change; what cannot work names its place."""

import pytest

from django_convoy import ConfigurationError
from django_convoy.framework import task_backends
from django_convoy.runtime import runtime_of
from tests.api.tasks import add

BACKEND = "django_convoy.backend.ConvoyBackend"


def use(settings, *, queues=(), **options):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": list(queues), "OPTIONS": options}}


def test_changed_settings_make_new_runtimes(settings):
    first = runtime_of("default")
    assert runtime_of("default") is first
    use(settings, lease=30)
    second = runtime_of("default")
    assert second is not first
    assert second.options.lease == 30.0
    settings.CONVOY_NAMESPACE = "blue"
    assert runtime_of("default").full_name("mail") == "blue:mail"


@pytest.mark.django_db
def test_a_changed_key_is_used_at_once_and_a_fallback_is_read(settings):
    old, before = settings.SECRET_KEY, add.enqueue(1)
    settings.SECRET_KEY = "another-" * 6
    settings.SECRET_KEY_FALLBACKS = [old]
    after = add.enqueue(2)
    broker = runtime_of("default").shared.broker
    keys = [broker.find(one.id).envelope.key_id for one in (before, after)]
    assert keys[0] != keys[1]
    assert add.get_result(before.id).args == [1]
    assert add.get_result(after.id).args == [2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"leese": 3}, "unknown option 'leese'; did you mean 'lease'?"),
        ({"lease": 0}, "lease=0:"),
        ({"lease": "15s"}, "lease='15s'"),
        ({"broker": "databse"}, "unknown broker 'databse'; did you mean 'database'?"),
        ({"broker": {"name": "database", "aliass": "x"}}, "did you mean 'alias'?"),
        ({"broker": 3}, "must be a name, or a dict"),
        ({"broker": "tests.api.tasks.add"}, "is not a django_convoy.contracts.broker.Broker"),
        ({"broker": "no.such.Broker"}, "No module named 'no'"),
        ({"broker": {"name": "memory", "size": 3}}, "memory: unknown option 'size'"),
        ({"broker": {"name": "sync", "alias": "x"}}, "there is no database 'x' in DATABASES"),
        ({"broker": {"name": "sync", "alais": "x"}}, "sync: unknown option 'alais'; did you mean"),
        ({"store": "memcached"}, "unknown store 'memcached'"),
        ({"store": {"name": "cache", "cache": "fast"}}, "there is no cache 'fast' in CACHES"),
        ({"serializer": "yaml"}, "must be one of 'json', 'pickle'"),
        ({"accept": "pickle"}, "must be a list"),
        ({"namespace": "a:b"}, "must be letters, digits"),
        ({"compress_above": "big"}, "must be bytes or a text"),
        ({"on_lost_lease": "panic"}, "'finish', 'kill'"),
        ({"retention": {"success": 1}}, "did you mean 'successes'?"),
        ({"task": {"retrys": 1}}, "did you mean 'retries'?"),
        ({"task": {"retries": -1}}, "must be a whole number from 0 up"),
        ({"worker": {"process": 2}}, "did you mean 'processes'?"),
        ({"worker": {"max_rss": "lots"}}, "max_rss='lots'"),
        ({"worker": 3}, "worker must be a dict"),
    ],
)
def test_an_option_that_cannot_work_is_named_with_its_place(settings, options, words):
    use(settings, **options)
    with pytest.raises(ConfigurationError) as caught:
        runtime_of("default")
    assert words in str(caught.value)
    (message,) = task_backends["default"].check()
    assert message.id == "convoy.E001"
    assert words in message.msg


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-x", "x" * 101, 3])
def test_a_queue_needs_a_name_that_every_broker_can_have(settings, name):
    use(settings, queues=[name])
    with pytest.raises(ConfigurationError, match="cannot be a queue"):
        runtime_of("default")


def test_what_is_sound_has_no_messages(settings):
    assert list(task_backends["default"].check()) == []


def test_pickle_is_a_warning(settings):
    use(settings, accept=["pickle"])
    assert [one.id for one in task_backends["default"].check()] == ["convoy.W001"]


@pytest.mark.parametrize(
    ("defaults", "words"),
    [
        ({"atomic": True, "delivery": "at_most_once"}, "exclude each other"),
        ({"delivery": "at_most_once", "retries": 1}, "retries must stay 0"),
        ({"atomic": True}, "atomic=True on SQLite needs timeout="),
    ],
)
@pytest.mark.parametrize("path", [BACKEND, "django_convoy.testing.doubles.DummyBackend"])
def test_defaults_that_no_task_could_have_are_told_by_the_check(settings, path, defaults, words):
    settings.TASKS = {"default": {"BACKEND": path, "OPTIONS": {"task": defaults}}}
    (message,) = task_backends["default"].check()
    assert message.id == "convoy.E004"
    assert message.msg.startswith("TASKS['default']['OPTIONS']['task']: ")
    assert words in message.msg


def test_a_missing_app_is_an_error(settings):
    settings.INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
    assert [one.id for one in task_backends["default"].check()] == ["convoy.E003"]


def test_a_secret_is_needed(settings):
    settings.SECRET_KEY = ""
    with pytest.raises(Exception, match="SECRET_KEY"):
        add.enqueue(1)
