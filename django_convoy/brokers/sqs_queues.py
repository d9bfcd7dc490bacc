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

    def ask(self, queue: str) -> None:
        """Ask the server for a queue that need not be there, whatever is known of it."""
        self._find(self.name(queue))

    def dead_letters(self, policy: str) -> str | None:
        """Return the URL of where a policy sends what lapsed too often, None where there is none.

        It is in the same region, and of the same account.
        """
        name = target_of(policy)
        if name and name not in self._urls and (found := self._find(name)):
            self._urls[name] = found
        return self._urls.get(name)

    def differing(self, queue: str) -> str:
        """Return in words where the server's policy for a queue is another than the option's."""
        url = self.known(queue)
        if url is None:
            return ""
        said = self.attributes(url, "RedrivePolicy").get("RedrivePolicy", "")
        there = (target_of(said), limit_of(said)) if said else None
        redrive, wanted = self._options.redrive, None
        if redrive is not None:
            wanted = redrive.queue or self.name(queue, buried=True), redrive.max_receives
        if there == wanted:
            return ""
        name = self.name(queue)
        is_there = "none" if there is None else f"{there[0]} after {there[1]} lapsed leases"
        shall = "none" if wanted is None else f"{wanted[0]} after {wanted[1]}"
        return (
            f"{name} was made with another dead-letter policy, which is in force: {is_there}; "
            f"the option redrive says {shall}. Change one of them: the queue's by the AWS console"
        )

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


def target_of(policy: str) -> str:
    """Return the name of the queue to which a policy sends; empty without one."""
    found = json.loads(policy).get("deadLetterTargetArn", "") if policy else ""
    return str(found).rpartition(":")[2]


def limit_of(policy: str) -> int:
    """Return after how many lapsed leases it does so."""
    return int(json.loads(policy).get("maxReceiveCount", 0))


def number(attributes: dict[str, Any], name: str) -> int:
    """Return a number of messages, 0 where the server does not say."""
    return int(attributes.get(name, 0))
