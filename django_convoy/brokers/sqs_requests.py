"""Requests for up to ten messages: sent, deleted or hidden, each with an answer of its own."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from django_convoy.brokers import sqs_messages
from django_convoy.brokers.sqs_client import QueueMissing, Refused, SqsClient, batches
from django_convoy.brokers.sqs_messages import Outgoing
from django_convoy.brokers.sqs_options import SqsOptions
from django_convoy.brokers.sqs_queues import Queues
from django_convoy.domain.errors import BrokerUnavailable, PayloadError

PAUSES = (0.1, 0.3, 1.0)
"""Seconds before what the server was too busy for is tried again."""
TOO_LONG = "BatchRequestTooLong"
BUSY = {
    "InternalError",
    "InternalFailure",
    "KmsThrottled",
    "RequestThrottled",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
}
GONE = "QueueMissing"
DELETE, HIDE = "delete_message_batch", "change_message_visibility_batch"


class Requests:
    """What one broker asks of the server for many messages."""

    def __init__(self, client: SqsClient, queues: Queues, options: SqsOptions) -> None:
        self._client = client
        self._queues = queues
        self._options = options

    def send(
        self, queue: str, messages: Sequence[Outgoing], *, buried: bool = False
    ) -> list[Exception | None]:
        """Send messages, also one after another what is too much for one request.

        Returns for each what kept it from being sent: BrokerUnavailable; PayloadError, if it is
        the message. buried: to where set aside jobs of the queue are.
        """
        options = self._options
        parts = list(sqs_messages.batches(messages, options.bulk, options.max_message))

        def send(part: list[Outgoing]) -> list[Exception | None]:
            return self._send(lambda: self._queues.url(queue, buried=buried), queue, part)

        if options.fifo and options.group != "job":
            done = [send(part) for part in parts]  # in their order
        else:
            done = self._client.each(send, parts)
        return [one for part in done for one in part]

    def _send(
        self, url: Callable[[], str], queue: str, part: Sequence[Outgoing]
    ) -> list[Exception | None]:
        left = dict(enumerate(part))
        told: dict[int, Exception | None] = {}
        for pause in (*PAUSES, None):
            try:
                answer = self._client.call(
                    "send_message_batch",
                    QueueUrl=url(),
                    Entries=[self._entry(index, one) for index, one in left.items()],
                )
            except QueueMissing as error:  # somebody removed it: it is made again
                self._queues.forget(queue)
                told.update(dict.fromkeys(left, error))
            except Refused as error:
                if error.code == TOO_LONG and len(left) > 1:  # a server with a lower limit
                    half = len(left) // 2
                    rest = list(left.values())
                    halves = self._send(url, queue, rest[:half]) + self._send(
                        url, queue, rest[half:]
                    )
                    told.update(zip(left, halves, strict=True))
                    break
                problem: Exception = error
                if error.code in ("InvalidMessageContents", "InvalidParameterValue", TOO_LONG):
                    problem = PayloadError(str(error))
                told.update(dict.fromkeys(left, problem))
                if error.code not in BUSY:
                    break
            except BrokerUnavailable as error:  # nobody knows whether they arrived
                told.update(dict.fromkeys(left, error))
                break
            else:
                told.update(dict.fromkeys(left, None))
                for failed in answer.get("Failed", []):
                    told[int(failed["Id"])] = _problem(failed)
                again = [n for n in left if isinstance(told[n], BrokerUnavailable)]
                if not again:
                    break
                left = {n: left[n] for n in again}
            if pause is not None:
                time.sleep(pause)
        return [told[index] for index in range(len(part))]

    def _entry(self, index: int, one: Outgoing) -> dict[str, Any]:
        entry: dict[str, Any] = {"Id": str(index), "MessageBody": one.body}
        if self._options.fifo:
            entry["MessageGroupId"], entry["MessageDeduplicationId"] = one.group, one.dedup
        else:
            entry["DelaySeconds"] = one.delay
        if one.attributes:
            entry["MessageAttributes"] = dict(one.attributes)
        return entry

    def delete(self, url: str, receipts: Sequence[str]) -> list[str]:
        """Delete messages; return for each "" or why not. Raises BrokerUnavailable."""
        return self._each(DELETE, url, [{"ReceiptHandle": one} for one in receipts])

    def hide(self, url: str, receipts: Sequence[tuple[str, int]]) -> list[str]:
        """Hide messages for so many seconds from now; return for each "" or why not.

        Raises BrokerUnavailable.
        """
        entries = [{"ReceiptHandle": one, "VisibilityTimeout": n} for one, n in receipts]
        return self._each(HIDE, url, entries)

    def _each(self, verb: str, url: str, entries: Sequence[dict[str, Any]]) -> list[str]:
        parts = batches(entries, self._options.bulk)
        done = self._client.each(lambda part: self._some(verb, url, part), parts)
        return [one for part in done for one in part]

    def _some(self, verb: str, url: str, part: Sequence[dict[str, Any]]) -> list[str]:
        left = {str(index): entry for index, entry in enumerate(part)}
        codes = dict.fromkeys(left, "")
        for pause in (*PAUSES, None):
            try:
                answer = self._client.call(
                    verb, QueueUrl=url, Entries=[{"Id": n, **one} for n, one in left.items()]
                )
            except QueueMissing:
                return [GONE] * len(part)
            except Refused as error:
                if error.code in BUSY and pause is not None:
                    time.sleep(pause)
                    continue
                if error.code in BUSY or not error.code.startswith(("Invalid", "Receipt")):
                    raise
                if len(left) == 1:
                    codes.update(dict.fromkeys(left, error.code))
                else:  # some servers refuse all for one
                    for name, entry in left.items():
                        codes[name] = self._some(verb, url, [entry])[0]
                break
            failed = answer.get("Failed", [])
            busy = [one for one in failed if not one.get("SenderFault")]
            codes.update({one["Id"]: one["Code"] for one in failed if one.get("SenderFault")})
            if not busy:
                break
            if pause is None:
                raise _problem(busy[0])
            time.sleep(pause)
            left = {one["Id"]: left[one["Id"]] for one in busy}
        return list(codes.values())


def _problem(failed: dict[str, Any]) -> Exception:
    text = f"SQS refused a message: {failed.get('Message') or ''} ({failed.get('Code')})"
    return PayloadError(text) if failed.get("SenderFault") else BrokerUnavailable(text)
