"""Queues on the server: what they are called, and how they are made."""

import hashlib
import json
import re
from typing import Any

from django_convoy.brokers.sqs_client import QueueMissing, SqsClient
from django_convoy.brokers.sqs_options import SqsOptions
from django_convoy.domain.errors import BrokerUnavailable

BURIED = "-buried"
LONGEST = 80 - len(BURIED) - len(".fifo")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_DIGITS = 10


def server_name(queue: str, prefix: str) -> str:
    """Return what a queue is called on the server, without FIFO's ending.

    What is plain stays as it is. Names with ':' or '.', too long ones, and those that would be
    taken for where buried jobs are, get digits of their hash, so that no two become one.
    """
    name = prefix + queue
    if _PLAIN.fullmatch(queue) and len(name) <= LONGEST and not queue.endswith(BURIED):
        return name
    digits = hashlib.sha256(queue.encode()).hexdigest()[:_DIGITS]
    return f"{_OTHER.sub('-', name)[: LONGEST - _DIGITS - 1]}-{digits}"


class Queues:
    """Knows the URLs of queues, and makes queues on demand."""

    def __init__(self, client: SqsClient, options: SqsOptions) -> None:
        self._client = client
        self._options = options
        self._urls: dict[str, str] = {}

    def name(self, queue: str, *, buried: bool = False) -> str:
        """Return its name on the server."""
        name = server_name(queue, self._options.prefix) + (BURIED if buried else "")
        return name + (".fifo" if self._options.fifo else "")

    def url(self, queue: str, *, buried: bool = False) -> str:
        """Return its URL; make it where there is none."""
        name = self.name(queue, buried=buried)
        if url := self._urls.get(name):
            return url
        found = self._find(name)
        if found is None:
            found = self._make(name, "" if buried else self._redrive_policy(queue))
        self._urls[name] = found
        return found

    def known(self, queue: str, *, buried: bool = False) -> str | None:
        """Return its URL, None where there is none."""
        name = self.name(queue, buried=buried)
        return self._urls.get(name) or self._find(name)

    def forget(self, queue: str) -> None:
        """Somebody removed it, or its buried jobs' queue."""
        for buried in (False, True):
            self._urls.pop(self.name(queue, buried=buried), None)

    def attributes(self, url: str, *names: str) -> dict[str, str]:
        """Return attributes of a queue."""
        answer = self._client.call("get_queue_attributes", QueueUrl=url, AttributeNames=[*names])
        return dict(answer.get("Attributes", {}))

    def on_server(self) -> list[str]:
        """Return the URLs of all queues with our prefix, a thousand at most."""
        answer = self._client.call("list_queues", QueueNamePrefix=self._options.prefix)
        return list(answer.get("QueueUrls", []))

    def _find(self, name: str) -> str | None:
        try:
            return str(self._client.call("get_queue_url", QueueName=name)["QueueUrl"])
        except QueueMissing:
            return None

    def _make(self, name: str, redrive: str) -> str:
        options = self._options
        attributes = {
            "MessageRetentionPeriod": str(options.retention),
            "MaximumMessageSize": str(options.max_message),
            "VisibilityTimeout": str(options.visibility),
        }
        if options.fifo:
            attributes["FifoQueue"] = "true"
            if options.group != "queue":  # groups know nothing of each other: high throughput
                attributes["DeduplicationScope"] = "messageGroup"
                attributes["FifoThroughputLimit"] = "perMessageGroupId"
        if redrive:
            attributes["RedrivePolicy"] = redrive
        try:
            made = self._client.call("create_queue", QueueName=name, Attributes=attributes)
        except BrokerUnavailable:  # another made it meanwhile, with other settings
            found = self._find(name)
            if found is None:
                raise
            return found
        return str(made["QueueUrl"])

    def _redrive_policy(self, queue: str) -> str:
        redrive = self._options.redrive
        if redrive is None:
            return ""
        if redrive.queue:
            target = self._find(redrive.queue) or self._make(redrive.queue, "")
        else:
            target = self.url(queue, buried=True)
        arn = self.attributes(target, "QueueArn")["QueueArn"]
        return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": redrive.max_receives})


def number(attributes: dict[str, Any], name: str) -> int:
    """Return a number of messages, 0 where the server does not say."""
    return int(attributes.get(name, 0))
