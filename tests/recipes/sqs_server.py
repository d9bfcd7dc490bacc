"""Moto's server of SQS, put right where it differs from the real one in what the tests look at.

A receive is one step (moto gives a message to two who ask at the same moment), and what a message
costs does not grow with the queue (moto walks through all messages for each that it looks at).
"""

import threading
import time
from typing import Any

from moto.core.utils import camelcase_to_underscores, unix_time_millis
from moto.server import main
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend

COUNTS = [name for name in Queue.BASE_ATTRIBUTES if name.startswith("ApproximateNumber")]
SETTINGS = [name for name in Queue.BASE_ATTRIBUTES if name not in COUNTS]
_receiving = threading.Lock()
_attributes = Queue.attributes.fget
_get_queue_attributes = SQSBackend.get_queue_attributes
_receive_message = SQSBackend.receive_message
_mark_received = Message.mark_received
_by_handle: dict[str, Message] = {}


class Settings:
    """A queue, as what reads its settings sees it: without numbers of messages."""

    BASE_ATTRIBUTES = SETTINGS

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def attributes(queue: Queue) -> Any:
    return _attributes(Settings(queue))


def get_queue_attributes(backend: SQSBackend, queue_name: str, names: list[str]) -> Any:
    found = _get_queue_attributes(backend, queue_name, names)
    queue = backend.get_queue(queue_name)
    counted = [name for name in COUNTS if name in names or "All" in names]
    return {**found, **{n: getattr(queue, camelcase_to_underscores(n)) for n in counted}}


def receive_message(
    backend: SQSBackend, queue_name: str, count: int, wait: int, *others: Any, **named: Any
) -> Any:
    end = time.monotonic() + wait
    while True:
        with _receiving:
            found = _receive_message(backend, queue_name, count, 0, *others, **named)
        left = end - time.monotonic()
        if found or left <= 0:
            return found
        backend.get_queue(queue_name).wait_for_messages(min(1, left))


def mark_received(message: Message, *given: Any, **named: Any) -> None:
    _mark_received(message, *given, **named)
    _by_handle[str(message.receipt_handle)] = message


def delete_message(queue: Queue, receipt_handle: str) -> None:
    if receipt_handle in queue.deleted_messages:
        return
    message = _by_handle.get(receipt_handle)
    with _receiving:
        if message is None or message not in queue._messages:
            raise ReceiptHandleIsInvalid
        queue._messages.remove(message)
        queue.pending_messages.discard(message)
    for handle in message.all_receipt_handles:
        queue.deleted_messages.add(handle)
        _by_handle.pop(handle, None)


def messages(queue: Queue) -> list[Message]:
    now = unix_time_millis()
    return [one for one in queue._messages if one.visible_at < now and one.delayed_until <= now]


if __name__ == "__main__":
    Queue.attributes = property(attributes)
    Queue.delete_message = delete_message
    Queue.messages = property(messages)
    Message.mark_received = mark_received
    SQSBackend.get_queue_attributes = get_queue_attributes
    SQSBackend.receive_message = receive_message
    main()
