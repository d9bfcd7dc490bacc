"""Settings that cannot work are refused: each message names the place, what, and what to do."""

from datetime import timedelta

import pytest
from django.test import override_settings

from django_convoy import conf
from django_convoy.contracts.store import Retention
from django_convoy.domain.backoff import Linear

OPTIONS = r"TASKS['default']['OPTIONS']"
WRONG = [
    ({"OPTIONS": {"leese": 5}}, f"{OPTIONS}: unknown option 'leese'; did you mean 'lease'?"),
    (
        {"OPTIONS": {"scheduler": False}},
        f"{OPTIONS}: 'scheduler' belongs in {OPTIONS}['worker']",
    ),
    ({"OPTIONS": {"zzz": 5}}, f"{OPTIONS}: unknown option 'zzz'; there are: accept, broker"),
    ({"OPTIONS": {1: 5}}, f"{OPTIONS}: unknown option '1'"),
    ({"OPTIONS": [1]}, f"{OPTIONS} must be a dict, not [1]"),
    ({"OPTIONS": "lease"}, f"{OPTIONS} must be a dict, not 'lease'"),
    ({"OPTIONS": {"lease": 0}}, f"{OPTIONS}: lease=0: must be a timedelta or seconds above 0"),
    ({"OPTIONS": {"lease": 0.001}}, f"{OPTIONS}: lease=0.001: must be 1 second or more"),
    ({"OPTIONS": {"lease": True}}, "lease=True: must be a timedelta or seconds above 0"),
    ({"OPTIONS": {"lease": float("inf")}}, "lease=inf: must be a timedelta"),
    ({"OPTIONS": {"lease": 10**400}}, "must be a timedelta or seconds above 0"),
    ({"OPTIONS": {"serializer": "yaml"}}, "serializer='yaml': must be one of 'json', 'pickle'"),
    ({"OPTIONS": {"accept": "pickle"}}, "accept='pickle': must be a list of serializers' names"),
    ({"OPTIONS": {"accept": ["yaml"]}}, "accept=['yaml']: must be one of 'json', 'pickle'"),
    ({"OPTIONS": {"on_lost_lease": "die"}}, "must be one of 'finish', 'kill'"),
    ({"OPTIONS": {"compress_above": "lots"}}, "must be bytes or a text such as '512M' or '1.5G'"),
    ({"OPTIONS": {"compress_above": 0}}, "compress_above=0: must be bytes"),
    ({"OPTIONS": {"broker": 5}}, """must be a name, or a dict such as {"name": "database","""),
    ({"OPTIONS": {"broker": {"alias": "x"}}}, f"{OPTIONS}: broker={{'alias': 'x'}}: must be"),
    ({"OPTIONS": {"namespace": "a:b"}}, "namespace='a:b': must be letters, digits"),
    ({"OPTIONS": {"namespace": "a\n"}}, "must be letters, digits"),
    ({"OPTIONS": {"namespace": "a" * 100}}, "at most 99 characters"),
    ({"OPTIONS": {"namespace": None}}, "namespace=None: must be letters"),
    ({"OPTIONS": {"retention": 7}}, "retention=7: must be a dict with successes, failures or"),
    ({"OPTIONS": {"retention": {"succeses": 7}}}, "did you mean 'successes'?"),
    ({"OPTIONS": {"retention": {"successes": -1}}}, "must be a timedelta or seconds above 0"),
    ({"OPTIONS": {"retention": {"newest_successes": -1}}}, "a whole number from 0 up"),
    (
        {"OPTIONS": {"task": {"retires": 3}}},
        "option 'retires'; did you mean 'retries'?",
    ),
    ({"OPTIONS": {"task": {"retries": -3}}}, "retries must be a whole number from 0 up, not -3"),
    ({"OPTIONS": {"task": [3]}}, "task=[3]: must be a dict of task options"),
    ({"OPTIONS": {"worker": 3}}, f"{OPTIONS}: worker must be a dict, not 3"),
    (
        {"OPTIONS": {"worker": {"proceses": 3}}},
        f"{OPTIONS}: worker: unknown option 'proceses'",
    ),
    (
        {"OPTIONS": {"worker": {"processes": 0}}},
        "worker: processes=0: must be a whole number",
    ),
    (
        {"OPTIONS": {"worker": {"threads": 2, "concurrency": 5}}},
        f"{OPTIONS}: worker: threads=2 and concurrency=5 exclude each other: leave one out",
    ),
    ({"OPTIONS": {"worker": {"max_rss": "1X"}}}, "worker: max_rss='1X': must be bytes"),
    ({"OPTIONS": {"worker": {"daemonize_workers": 1}}}, "must be True or False"),
    ({"QUEUES": "default"}, "TASKS['default']['QUEUES'] must be a list of names, not 'default'"),
    ({"QUEUES": 5}, "TASKS['default']['QUEUES'] must be a list of names, not 5"),
    ({"QUEUES": ["a", "b c"]}, "TASKS['default']['QUEUES']: 'b c' cannot be a queue: use letters"),
    ({"QUEUES": ["a\n"]}, "cannot be a queue"),
    ({"QUEUES": [""]}, "'' cannot be a queue"),
    ({"QUEUES": [7]}, "7 cannot be a queue"),
    ({"QUEUES": ["ü"]}, "'ü' cannot be a queue"),
    ({"QUEUES": ["a" * 101]}, "at most 100 characters"),
    ({"QUEUE": ["a"]}, "TASKS['default']: unknown key 'QUEUE'; did you mean 'QUEUES'?"),
    ({"ENQUEUE_ON_COMMIT": True}, "TASKS['default']: unknown key 'ENQUEUE_ON_COMMIT'"),
]


@pytest.mark.parametrize(("params", "told"), WRONG, ids=[told[-50:] for _, told in WRONG])
def test_what_cannot_work_is_refused_in_words(params, told):
    with pytest.raises(conf.SettingsError) as caught:
        conf.parse("default", params)
    assert told in str(caught.value)
    assert str(caught.value).startswith("TASKS['default']")


def test_a_shared_namespace_that_cannot_work_is_named_by_its_setting():
    with (
        override_settings(CONVOY_NAMESPACE="a b"),
        pytest.raises(conf.SettingsError, match=r"^CONVOY_NAMESPACE: namespace='a b': must be"),
    ):
        conf.parse("default", {})


def test_an_alias_may_have_a_namespace_of_its_own():
    with override_settings(CONVOY_NAMESPACE="blue"):
        assert conf.parse("default", {}).namespace == "blue"
        assert conf.parse("default", {"OPTIONS": {"namespace": "green"}}).namespace == "green"
        assert conf.parse("default", {"OPTIONS": {"namespace": ""}}).namespace == ""


def test_nothing_has_to_be_set():
    for params in ({}, {"OPTIONS": None}, {"OPTIONS": {}, "QUEUES": []}, {"QUEUES": None}):
        assert conf.parse("default", params) == conf.Options()


def test_what_is_set_is_read_into_its_type():
    options = conf.parse(
        "default",
        {
            "BACKEND": "django_convoy.backend.ConvoyBackend",
            "QUEUES": ["default", "mail.fast-1_x"],
            "OPTIONS": {
                "broker": "database",
                "store": {"name": "cache", "cache": "results"},
                "lease": timedelta(minutes=1),
                "accept": {"pickle"},
                "compress_above": "1.5K",
                "retention": {"successes": 86400, "failures": timedelta(days=30)},
                "task": {"retries": 3, "backoff": ("linear", {"step": 2}), "timeout": 60},
                "worker": {"processes": 2, "max_rss": "512 MiB", "timeout": None},
            },
        },
    )
    assert options.broker == {"name": "database"}
    assert options.store == {"name": "cache", "cache": "results"}
    assert (options.lease, options.accept, options.compress_above) == (60.0, ("pickle",), 1536)
    assert options.retention == Retention(successes=timedelta(1), failures=timedelta(30))
    assert options.task == {"retries": 3, "backoff": Linear(step=2), "timeout": 60.0}
    assert (options.worker.processes, options.worker.max_rss) == (2, 512 * 2**20)


def test_every_option_is_documented():
    for kind in (conf.Options, conf.WorkerOptions):
        for name, default, doc in conf.settings_table(kind):
            assert name and default and len(doc) > 5


@pytest.mark.parametrize(
    ("given", "size"),
    [(1, 1), ("1", 1), ("1K", 1024), ("2m", 2 << 20), ("0.5 GB", 1 << 29), (" 1TiB ", 1 << 40)],
)
def test_sizes_are_bytes_or_text(given, size):
    assert conf.size(given) == size


@pytest.mark.parametrize(
    "given", [0, -1, "", "K", "1 2", "-1K", "0M", "1.M", "1e3", None, True, 1.5]
)
def test_what_is_no_size_is_refused(given):
    with pytest.raises(ValueError, match="512M"):
        conf.size(given)


def test_keys_are_bytes_or_text_and_the_fallbacks_follow():
    with override_settings(SECRET_KEY=b"a", SECRET_KEY_FALLBACKS=["ü", b"c"]):
        assert conf.secrets() == [b"a", "ü".encode(), b"c"]
