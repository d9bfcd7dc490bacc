"""What goes wrong is said in words, and tried again only where that cannot do harm."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from django_convoy.brokers import sqs_requests
from django_convoy.brokers.sqs import SqsBroker
from django_convoy.brokers.sqs_client import QueueMissing, Refused, SqsClient
from django_convoy.brokers.sqs_messages import text
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError, PayloadError
from django_convoy.domain.verdict import DONE, Again
from tests.sqs.conftest import KEYS
from tests.sqs.jobs import claim, job

Make = Callable[..., SqsBroker]
QUEUE = "mail"
SEND, DELETE = "send_message_batch", "delete_message_batch"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host without credentials and without a region."""
    for name in ("PROFILE", "DEFAULT_REGION", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "no AWS region is known: set region"),
        ({"region": "eu-west-1"}, "credentials.*give the broker aws_access_key_id"),
        ({"region": "eu-west-1", "profile": "nobody"}, "profile.*nobody"),
        ({**KEYS, "endpoint_url": "nowhere"}, "Invalid endpoint: nowhere"),
    ],
)
def test_what_is_missing_is_named(bare: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s){told}"):
        SqsBroker(**options).ping()


@pytest.mark.sqs
def test_credentials_come_from_wherever_boto3_takes_them(
    bare: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = "aws_access_key_id = a\naws_secret_access_key = b\naws_session_token = c\n"
    (bare / "credentials").write_text(f"[work]\n{keys}")
    (bare / "config").write_text("[profile work]\nregion = eu-west-1\n")
    none = {"aws_access_key_id": "", "aws_secret_access_key": "", "botocore_session": None}
    make(**none, region="", profile="work").ping()
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    make(**none).ping()
    make(botocore_session=None, aws_session_token="token").ping()


@pytest.mark.sqs
def test_every_verb_says_that_nobody_answers(make: Make) -> None:
    broker = make(endpoint_url="http://127.0.0.1:9")
    verbs: list[Callable[[], Any]] = [
        lambda: broker.push([job(QUEUE)]),
        lambda: claim(broker, QUEUE),
        lambda: claim(broker, QUEUE, wait=60),
        lambda: broker.counts(QUEUE),
        lambda: broker.counts(""),
        lambda: broker.purge(QUEUE),
        lambda: broker.info(),
    ]
    for verb in verbs:
        with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:9 does not answer"):
            verb()


class Server:
    """Answers in place of the server: what it is told to first, then as one that works."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self.calls: list[tuple[str, int]] = []
        self.answers: dict[str, list[Any]] = {}
        monkeypatch.setattr(SqsClient, "call", lambda _, *args, **params: self(*args, **params))
        monkeypatch.setattr(sqs_requests, "PAUSES", (0.0, 0.0, 0.0))

    def __call__(self, verb: str, patience: float = 0.0, /, **parameters: Any) -> Any:
        entries = parameters.get("Entries", [])
        self.calls.append((verb, len(entries)))
        planned = self.answers.get(verb, [])
        answer = planned.pop(0) if planned else {}
        if isinstance(answer, Exception):
            raise answer
        if verb == "get_queue_url":
            return {"QueueUrl": f"http://x/{parameters['QueueName']}"}
        if verb == SEND:
            failed = {one["Id"] for one in answer.get("Failed", [])}
            self.sent += [one["MessageBody"] for one in entries if one["Id"] not in failed]
        return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


def failed(*names: int, fault: bool = False) -> dict[str, Any]:
    code = "InvalidMessageContents" if fault else "InternalError"
    return {
        "Failed": [
            {"Id": str(n), "SenderFault": fault, "Code": code, "Message": "no"} for n in names
        ]
    }


def test_what_the_server_did_not_take_is_sent_again_alone(server: Server) -> None:
    server.answers[SEND] = [failed(2, 5), failed(5)]
    SqsBroker().push([job(QUEUE) for _ in range(10)])
    assert [count for verb, count in server.calls if verb == SEND] == [10, 2, 1]
    assert len(server.sent) == len(set(server.sent)) == 10


def test_a_batch_of_which_a_part_is_sent_says_how_much(server: Server) -> None:
    server.answers[SEND] = [failed(3)] * 2 + [failed(3)] * 2
    with pytest.raises(BrokerUnavailable, match="9 of 10 jobs were sent, others not"):
        SqsBroker().push([job(QUEUE) for _ in range(10)])
    server.answers[SEND] = [failed(0, fault=True)]
    with pytest.raises(PayloadError, match="SQS refused a message: no"):
        SqsBroker().push([job(QUEUE)])


def test_what_may_have_arrived_is_not_sent_again(server: Server) -> None:
    server.answers[SEND] = [BrokerUnavailable("read timeout")]
    with pytest.raises(BrokerUnavailable, match="read timeout"):
        SqsBroker().push([job(QUEUE)])
    assert [verb for verb, _ in server.calls].count(SEND) == 1


def test_a_busy_server_is_asked_again(server: Server) -> None:
    server.answers[SEND] = [Refused("slow down", "RequestThrottled")] * 2
    SqsBroker().push([job(QUEUE)])
    assert len(server.sent) == 1


def test_a_server_with_a_lower_limit_gets_smaller_batches(server: Server) -> None:
    server.answers[SEND] = [Refused("too long", "BatchRequestTooLong")] * 2
    SqsBroker().push([job(QUEUE) for _ in range(10)])
    assert [count for verb, count in server.calls if verb == SEND] == [10, 5, 2, 3, 5]
    assert len(set(server.sent)) == 10


def test_a_queue_that_was_removed_is_made_again(server: Server) -> None:
    server.answers[SEND] = [QueueMissing("gone")]
    server.answers["get_queue_url"] = [{}, QueueMissing("gone")]
    server.answers["create_queue"] = [{"QueueUrl": "http://x/new"}]
    SqsBroker().push([job(QUEUE)])
    assert [verb for verb, _ in server.calls] == [
        "get_queue_url",
        SEND,
        "get_queue_url",
        "create_queue",
        SEND,
    ]


def test_a_settle_that_is_repeated_sends_nothing_twice(server: Server) -> None:
    server.answers["receive_message"] = [
        {"Messages": [{"Body": body, "ReceiptHandle": f"r{n}"} for n, body in enumerate(bodies())]}
    ]
    broker = SqsBroker()
    leases = claim(broker, QUEUE)
    verdicts = [Again(0, False, Note(failures=1)), DONE, Again(0, True, NO_NOTE)]
    settlements = list(zip(leases, verdicts, strict=True))
    # The first two of three are sent, then nothing is deleted, then all is well.
    server.answers[SEND] = [failed(1)] * 4
    server.answers[DELETE] = [{}, BrokerUnavailable("cut off")]
    for told in ("SQS refused a message: no", "cut off"):
        with pytest.raises(BrokerUnavailable, match=told):
            broker.settle(settlements)
    assert broker.settle(settlements) == [True, True, True]
    assert len(server.sent) == len(set(server.sent)) == 2


def bodies() -> list[str]:
    return [text(job(QUEUE), 0, NO_NOTE) for _ in range(3)]


def answer(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "SendMessageBatch")


@pytest.mark.sqs
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDenied", "must allow sqs:SendMessageBatch"),
        ("InvalidClientTokenId", "give the broker aws_access_key_id"),
        ("ExpiredToken", "give the broker aws_access_key_id"),
    ],
)
def test_who_cannot_begin_is_told_why_and_who_has_begun_waits(
    make: Make, code: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SqsClient(make(endpoint_url="http://127.0.0.1:9").options)

    class Denied:
        def get_queue_url(self, **_: Any) -> Any:
            raise answer(code)

    client._clients[0.0] = Denied()
    with pytest.raises(ConfigurationError, match=told):
        client.call("get_queue_url")
    client._worked = True
    with pytest.raises(Refused, match=told):
        client.call("get_queue_url")


@pytest.mark.sqs
def test_a_frozen_server_is_not_waited_for_longer_than_said(make: Make) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        broker = make(endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="does not answer"):
            broker.ping()
        assert time.monotonic() - began < 10
