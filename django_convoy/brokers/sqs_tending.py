"""Looking after queues: counts, purges, removal, what was set aside, and how they are set up."""

import contextlib
import logging
from collections.abc import Mapping

from django_convoy.brokers import sqs_messages
from django_convoy.brokers.sqs_client import THREADS, QueueMissing, Refused, SqsClient
from django_convoy.brokers.sqs_messages import Outgoing, Writer
from django_convoy.brokers.sqs_options import SqsOptions
from django_convoy.brokers.sqs_queues import BURIED, Queues, limit_of, target_of
from django_convoy.brokers.sqs_requests import Requests
from django_convoy.contracts.broker import Counts
from django_convoy.domain.errors import BrokerUnavailable, PayloadError

logger = logging.getLogger("django_convoy.broker")
COUNTED = {
    "ready": "ApproximateNumberOfMessages",
    "delayed": "ApproximateNumberOfMessagesDelayed",
    "leased": "ApproximateNumberOfMessagesNotVisible",
}
POLICY = "RedrivePolicy"
SEEN_SECONDS = 30
"""For so long what a purge received is hidden from others, until it is deleted."""
SHOWN = 20


class Tending:
    """What is done with whole queues."""

    def __init__(
        self,
        client: SqsClient,
        queues: Queues,
        requests: Requests,
        writer: Writer,
        options: SqsOptions,
    ) -> None:
        self._client = client
        self._queues = queues
        self._requests = requests
        self._writer = writer
        self._options = options

    def counts(self, queue: str) -> Counts:
        """Return what the server says of a queue, and of where its buried jobs are."""
        if not queue:
            self.ping()
            return Counts()
        said = self._said(self._queues.known(queue))
        aside = self._queues.known(queue, buried=True)
        buried = sum(_counted(self._said(aside)).values())
        dead = self._queues.dead_letters(said.get(POLICY, ""))
        if dead is not None and dead != aside:
            with contextlib.suppress(Refused):  # others' queues are not everybody's to look at
                buried += sum(_counted(self._said(dead)).values())
        return Counts(**_counted(said), buried=buried)

    def _said(self, url: str | None) -> dict[str, str]:
        """Return what the server says of a queue; nothing of one that is not there."""
        if url is None:
            return {}
        try:
            return self._queues.attributes(url, *COUNTED.values(), POLICY)
        except QueueMissing:
            return {}

    def purge(self, queue: str) -> int:
        """Remove what nobody holds; return how many. While jobs are held, what is delayed stays:
        the server removes all or what can be received."""
        removed = 0
        for buried in (True, False):
            url = self._queues.known(queue, buried=buried)
            counted = _counted(self._said(url))
            if url is None or not any(counted.values()):
                continue
            if (buried or not counted["leased"]) and self._purge_whole(url):
                removed += sum(counted.values())
                continue
            removed += self._purge_seen(url)
            if counted["delayed"] and not buried:
                logger.warning(
                    "queue %s: %d delayed jobs could not be removed while others are held",
                    queue,
                    counted["delayed"],
                )
        return removed

    def _purge_whole(self, url: str) -> bool:
        try:
            self._client.call("purge_queue", QueueUrl=url)
        except Refused:  # once in a minute, and not everybody may
            return False
        return True

    def _purge_seen(self, url: str) -> int:
        removed, calls = 0, 1
        while came := sum(self._client.each(lambda _: self._purge_some(url), range(calls))):
            removed, calls = removed + came, THREADS
        return removed

    def _purge_some(self, url: str) -> int:
        receipts = [message["ReceiptHandle"] for message in self._receive(url)]
        return self._requests.delete(url, receipts).count("")

    def _receive(self, url: str) -> list[dict[str, str]]:
        answer = self._client.call(
            "receive_message",
            QueueUrl=url,
            MaxNumberOfMessages=self._options.bulk,
            VisibilityTimeout=SEEN_SECONDS,
        )
        return list(answer.get("Messages", []))

    def delete(self, queue: str) -> int:
        """Remove a queue and that of its buried jobs; return how many jobs they had."""
        removed = 0
        for buried in (False, True):
            url = self._queues.known(queue, buried=buried)
            if url is not None:
                removed += sum(_counted(self._said(url)).values())
                try:
                    self._client.call("delete_queue", QueueUrl=url)
                except QueueMissing:
                    continue
        self._queues.forget(queue)
        return removed

    def revive_all(self, queue: str) -> int:
        """Move what is set aside back, but for what is no job."""
        url = self._queues.known(queue, buried=True)
        revived = 0
        while url is not None and (messages := self._receive(url)):
            out: list[Outgoing] = []
            receipts = []
            for message in messages:
                try:
                    one = sqs_messages.read(message, queue, 0.0)
                except PayloadError:
                    continue  # it stays, hidden for as long as this takes
                out.append(self._writer.revived(one))
                receipts.append(one.receipt)
            told = self._requests.send(queue, out)
            gone = [receipt for receipt, wrong in zip(receipts, told, strict=True) if wrong is None]
            revived += self._requests.delete(url, gone).count("")
            for wrong in filter(None, told):
                raise wrong
        return revived

    def ping(self) -> None:
        """Ask for a queue that need not be there."""
        self._queues.ask("default")

    def info(self) -> str:
        """Return a line about the server, and one for each queue that has our prefix."""
        options = self._options
        kind = "FIFO" if options.fifo else "standard"
        where = options.endpoint_url or f"Amazon SQS, {self._client.region}"
        lines = [f"{where}: {kind} queues {options.prefix}*"]
        try:
            urls = self._queues.on_server()
        except Refused as error:
            return f"{lines[0]}\n  ({error})"
        ours = [url for url in urls if url.endswith(".fifo") == options.fifo]
        lines += [f"  {self._described(url)}" for url in ours[:SHOWN]]
        if len(ours) > SHOWN:
            lines.append(f"  and {len(ours) - SHOWN} more")
        return "\n".join(lines)

    def _described(self, url: str) -> str:
        name = url.rpartition("/")[2]
        try:
            said = self._queues.attributes(url, "All")
        except BrokerUnavailable as error:
            return f"{name}: {error}"
        days = int(said.get("MessageRetentionPeriod", 0)) / 86400
        size = int(said.get("MaximumMessageSize", 0))
        parts = [f"keeps jobs for {days:g} days", f"messages up to {size:,} bytes"]
        if policy := said.get(POLICY):
            lapses, target = limit_of(policy), target_of(policy)
            parts.append(f"after {lapses} lapsed leases a job goes to {target}")
        elif not name.removesuffix(".fifo").endswith(BURIED):
            parts.append("no dead-letter policy")
        return f"{name}: {', '.join(parts)}"


def _counted(said: Mapping[str, str]) -> dict[str, int]:
    return {state: int(said[name]) for state, name in COUNTED.items() if name in said}
