"""What the MongoDB broker takes in its options, and what it says of the others. No server."""

import subprocess
import sys

import pytest
from pymongo.write_concern import WriteConcern

from django_convoy.brokers.mongodb import MongoBroker
from django_convoy.brokers.mongodb_options import MongoOptions, read_options
from django_convoy.domain.errors import ConfigurationError


def opened(**options: object) -> tuple[MongoOptions, WriteConcern]:
    """The options, and what a client made with them waits for."""
    found = read_options(options)
    with found.open() as client:
        return found, client.write_concern


def test_all_parameters_of_the_client_are_taken() -> None:
    found, _ = opened(host="db1", port=27018, maxPoolSize=7, username="u", password="p")
    with found.open() as client:
        assert client.options.pool_options.max_pool_size == 7
    assert found.where == "db1:27018"


@pytest.mark.parametrize("name", ["uri", "host"])
def test_a_uri_is_taken_by_either_name(name: str) -> None:
    found, _ = opened(**{name: "mongodb://u:secret@db1:1,db2:2/shop?replicaSet=rs0"})
    assert found.where == "mongodb://db1:1,db2:2/shop"
    with found.open() as client:
        assert client.get_default_database().name == "shop"


def test_what_is_acknowledged_is_safe_unless_said_otherwise() -> None:
    assert opened()[1].document == {"w": "majority", "j": True}
    assert opened(w=1, journal=False)[1].document == {"w": 1, "j": False}
    assert opened(uri="mongodb://db1/?w=1")[1].document == {"w": 1, "j": True}


def test_no_call_hangs_for_ever_unless_said_otherwise() -> None:
    for options, expected in (({}, 5), ({"timeoutMS": 200}, 0.2), ({"timeoutms": 300}, 0.3)):
        with read_options(options).open() as client:
            assert client.options.timeout == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"maxPoolSze": 3}, "unknown option 'maxPoolSze'; did you mean 'maxpoolsize'?"),
        ({"colection": "x"}, "did you mean 'collection'?"),
        ({"uri": "mongodb://h/?retryWrite=false"}, "did you mean 'retrywrites'?"),
        ({"uri": "mongodb://h", "host": "h"}, "uri and host say the same"),
        ({"database": "a", "mongo_db": "b"}, "database and mongo_db say the same"),
        ({"maxPoolSize": "many"}, "MongoDB: The value of maxPoolSize must be an integer"),
        ({"uri": "mongo://h"}, "MongoDB: Invalid URI"),
        ({"w": 0}, "w=0 cannot be used"),
        ({"database": "a b"}, "MongoDB: database 'a b'"),
        ({"database": 3}, "database must be a name"),
        ({"collection": "system.jobs"}, "no collection named 'system.jobs'"),
        ({"watch": 1}, "watch must be True or False, not 1"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        MongoBroker(**options)


def test_a_missing_client_is_named_with_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pymongo'] = None\n"
        "from django_convoy.domain.errors import ConfigurationError\n"
        "try: import django_convoy.brokers.mongodb\n"
        "except ConfigurationError as error: print(error)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "django-convoy[mongodb]"' in answer.stdout, answer.stderr
