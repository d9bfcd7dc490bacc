"""The fake of IronMQ answers as the documentation of its API says, and fails as it does."""

import http.client
import json
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from django_convoy.domain import ids
from tests.worker.site import wait_for

pytestmark = pytest.mark.ironmq


class Project:
    """One test's project on the run's server."""

    def __init__(self) -> None:
        parts = urlsplit(os.environ["CONVOY_TEST_IRONMQ"])
        self.connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        self.base = f"/3/projects/{ids.token()}"

    def ask(self, method: str, path: str, body: Any = None, token: str = "token") -> Any:
        headers = {"Authorization": f"OAuth {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        self.connection.request(method, f"{self.base}/{path}", data, headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def post(self, *bodies: str, queue: str = "q") -> list[str]:
        status, answer = self.ask(
            "POST", f"queues/{queue}/messages", {"messages": [{"body": body} for body in bodies]}
        )
        assert status == 201
        assert answer["msg"] == "Messages put on queue."
        return list(answer["ids"])

    def reserve(self, queue: str = "q", **wanted: Any) -> list[dict[str, Any]]:
        status, answer = self.ask("POST", f"queues/{queue}/reservations", wanted)
        assert status == 200
        return list(answer["messages"])


@pytest.fixture
def project() -> Iterator[Project]:
    made = Project()
    yield made
    made.connection.close()


def test_queues_are_made_changed_listed_and_deleted(project: Project) -> None:
    assert project.ask("GET", "queues/a") == (404, {"msg": "Queue not found"})
    status, answer = project.ask("PUT", "queues/a", {"queue": {"message_timeout": 90}})
    assert status == 200
    assert answer["queue"]["message_timeout"] == 90
    assert "size" not in answer["queue"]
    project.post("x", "y", queue="b")
    _, answer = project.ask("GET", "queues/b")
    known = {"size": 2, "total_messages": 2, "type": "pull", "message_expiration": 604_800}
    assert known.items() <= answer["queue"].items()
    assert project.ask("GET", "queues?per_page=1")[1] == {"queues": [{"name": "a"}]}
    assert project.ask("GET", "queues?previous=a")[1] == {"queues": [{"name": "b"}]}
    assert project.ask("DELETE", "queues/a") == (200, {"msg": "Deleted"})
    assert project.ask("PATCH", "queues/a", {"queue": {}})[0] == 404


def test_messages_come_in_order_and_under_a_reservation(project: Project) -> None:
    ids_ = project.post("one", "two", "three")
    first, second = project.reserve(n=2, timeout=60)
    assert [first["id"], second["id"]] == ids_[:2]
    assert (first["body"], first["reserved_count"]) == ("one", 1)
    assert first["reservation_id"] != second["reservation_id"]
    (third,) = project.reserve(n=100)
    assert third["id"] == ids_[2]
    assert project.reserve() == []
    assert project.ask("POST", "queues/none/reservations", {})[0] == 404


def test_what_is_not_allowed_is_refused(project: Project) -> None:
    project.post("x")
    for wanted in ({"n": 0}, {"n": 101}, {"timeout": 0}, {"timeout": 86_401}, {"wait": 31}):
        assert project.ask("POST", "queues/q/reservations", wanted)[0] == 400
    assert project.ask("POST", "queues/q/messages", {"messages": []})[0] == 400
    large = {"messages": [{"body": "x" * (64 * 1024 + 1)}]}
    assert project.ask("POST", "queues/q/messages", large)[0] == 400
    late = {"messages": [{"body": "x", "delay": 604_801}]}
    assert project.ask("POST", "queues/q/messages", late)[0] == 400
    assert project.ask("GET", "queues", token="another") == (401, {"msg": "Unauthorized"})


def test_a_touch_gives_another_reservation_and_counts_as_one(project: Project) -> None:
    (message_id,) = project.post("x")
    (held,) = project.reserve(timeout=60)
    place = f"queues/q/messages/{message_id}"
    old = {"reservation_id": held["reservation_id"]}
    status, answer = project.ask("POST", f"{place}/touch", old)
    assert (status, answer["msg"]) == (200, "Touched")
    assert answer["reservation_id"] != held["reservation_id"]
    refused = (403, {"msg": "Reservation timed out"})
    assert project.ask("POST", f"{place}/touch", old) == refused
    assert project.ask("DELETE", place, old) == refused
    assert project.ask("GET", place)[1]["message"]["reserved_count"] == 2
    new = {"reservation_id": answer["reservation_id"]}
    assert project.ask("DELETE", place, new) == (200, {"msg": "Deleted"})
    assert project.ask("DELETE", place, new)[0] == 404


def test_what_timed_out_comes_first_and_counts(project: Project) -> None:
    first, second = project.post("one", "two")
    (held,) = project.reserve(timeout=1)
    wait_for(lambda: len(project.ask("GET", "queues/q/messages?n=9")[1]["messages"]) == 2, "both")
    again = project.reserve(n=2, timeout=60)
    assert [(one["id"], one["reserved_count"]) for one in again] == [(first, 2), (second, 1)]
    old = {"reservation_id": held["reservation_id"]}
    assert project.ask("DELETE", f"queues/q/messages/{first}", old)[0] == 403


def test_what_is_released_comes_first_or_later(project: Project) -> None:
    first, second = project.post("one", "two")
    (held,) = project.reserve()
    wanted = {"reservation_id": held["reservation_id"]}
    path = f"queues/q/messages/{first}/release"
    assert project.ask("POST", path, wanted) == (200, {"msg": "Released"})
    (again,) = project.reserve()
    assert again["id"] == first
    project.ask("POST", path, {"reservation_id": again["reservation_id"], "delay": 60})
    assert [one["id"] for one in project.reserve(n=9)] == [second]


def test_a_batch_is_deleted_up_to_what_is_refused(project: Project) -> None:
    project.post("one", "two", "three")
    held = project.reserve(n=3, timeout=60)
    ids_ = [{"id": one["id"], "reservation_id": one["reservation_id"]} for one in held]
    ids_[1]["reservation_id"] = "another"
    assert project.ask("DELETE", "queues/q/messages", {"ids": ids_})[0] == 403
    assert project.ask("GET", "queues/q")[1]["queue"]["size"] == 2
    assert project.ask("DELETE", "queues/q/messages", {"ids": ids_ * 34})[0] == 400


def test_without_ids_everything_is_deleted(project: Project) -> None:
    project.post("one", "two")
    project.reserve()
    assert project.ask("DELETE", "queues/q/messages", {}) == (200, {"msg": "Cleared"})
    assert project.ask("GET", "queues/q")[1]["queue"]["size"] == 0


def test_a_reservation_waits_for_a_message(project: Project) -> None:
    project.ask("PUT", "queues/q", {"queue": {}})
    began = time.monotonic()
    assert project.reserve(wait=1) == []
    assert time.monotonic() - began >= 0.1  # its seconds are short here
    later = {"messages": [{"body": "x", "delay": 1}]}
    project.ask("POST", "queues/q/messages", later)
    assert [one["body"] for one in project.reserve(wait=30)] == ["x"]


def test_dead_letters_are_moved_when_they_would_be_reserved_once_more(project: Project) -> None:
    dead = {"dead_letter": {"queue_name": "dead", "max_reservations": 1}}
    project.ask("PUT", "queues/q", {"queue": dead})
    (message_id,) = project.post("x")
    (held,) = project.reserve()
    path = f"queues/q/messages/{message_id}/release"
    project.ask("POST", path, {"reservation_id": held["reservation_id"]})
    assert project.reserve() == []
    (moved,) = project.reserve(queue="dead")
    assert (moved["id"], moved["reserved_count"]) == (message_id, 2)
