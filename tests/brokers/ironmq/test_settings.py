"""Where IronMQ's settings come from, the strongest first."""

import json
from pathlib import Path
from typing import Any

import pytest

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.brokers.ironmq_settings import HOST, NAMES, read
from django_convoy.domain.errors import ConfigurationError

GIVEN = {"project_id": "p", "token": "t"}


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a working folder without any settings."""
    for name in NAMES:
        for prefix in ("IRON_", "IRON_MQ_"):
            monkeypatch.delenv(prefix + name.upper(), raising=False)
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def write(path: Path, **values: Any) -> str:
    path.write_text(json.dumps(values))
    return str(path)


def test_every_source_is_overruled_by_the_one_before_it(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(places / "home" / ".iron.json", **GIVEN, host="home")
    assert read({}).host == "home"
    monkeypatch.setenv("IRON_HOST", "environment")
    assert read({}).host == "environment"
    monkeypatch.setenv("IRON_MQ_HOST", "environment of MQ")
    assert read({}).host == "environment of MQ"
    write(places / "work" / "iron.json", host="iron.json")
    assert read({}).host == "iron.json"
    chosen = write(places / "chosen.json", host="config_file")
    assert read({}, chosen).host == "config_file"
    assert read({"host": "argument"}, chosen).host == "argument"


def test_what_a_source_does_not_say_comes_from_the_next(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRON_TOKEN", "of the environment")
    write(places / "home" / ".iron.json", project_id="of home", token="of home")
    found = read({"host": "here"})
    assert (found.project_id, found.token, found.host) == (
        "of home",
        "of the environment",
        "here",
    )


def test_what_a_file_says_for_iron_mq_comes_before_what_it_says_for_all(places: Path) -> None:
    write(places / "work" / "iron.json", **GIVEN, host="all", iron_mq={"host": "mq"})
    assert read({}).host == "mq"


def test_the_defaults_are_the_vendors() -> None:
    found = read(GIVEN)
    assert (found.host, found.port, found.protocol) == (HOST, 443, "https")
    assert read({**GIVEN, "protocol": "http"}).port == 80
    assert read({**GIVEN, "port": "8080"}).port == 8080
    assert "t" not in found.where.split("project ")[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"token": "t"}, "needs a project_id"),
        ({"project_id": "p"}, "IRON_TOKEN"),
        ({**GIVEN, "protocol": "ftp"}, "protocol must be"),
        ({**GIVEN, "port": "x"}, "port must be a number"),
        ({**GIVEN, "api_version": 1}, "api_version must be 3"),
        ({**GIVEN, "projectid": "p"}, "did you mean 'project_id'"),
        ({**GIVEN, "poll": 31}, "poll must be 1 to 30"),
        ({**GIVEN, "config_file": "none.json"}, "there is no config_file"),
    ],
)
def test_what_cannot_work_is_said(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        IronMQBroker(**given)


def test_a_file_that_is_no_json_is_said(places: Path) -> None:
    (places / "work" / "iron.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"iron\.json cannot be read"):
        read(GIVEN)
    (places / "work" / "iron.json").write_text("[]")
    with pytest.raises(ConfigurationError, match="must hold an object"):
        read(GIVEN)
