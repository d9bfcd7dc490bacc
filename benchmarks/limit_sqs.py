"""What a server of SQS, boto3 and Python alone allow here: no queue.

Receive 10 messages, check the HMAC and decode the JSON of each, call it, then delete the 10 with
one request. No result is kept. Threads have requests on their way at the same time.

    python limit_sqs.py MEASURE VARIANT JOBS URL PROGRAM        prints jobs per second
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3
from limit_job import rate_of_processes, run, seal
from stores import Sqs

BATCH = 10
THREADS = 8
VARIANTS = {"1 process": (1, 1), "2 processes": (2, 1), "2 processes, 8 threads each": (2, THREADS)}


class Loop:
    def __init__(self, url: str) -> None:
        self.client: Any = boto3.client("sqs", endpoint_url=url, region_name=Sqs.region, **Sqs.key)
        self.queue = self.client.create_queue(QueueName="limit")["QueueUrl"]

    def push(self, n: int) -> None:
        for _ in range(n):
            self.client.send_message(QueueUrl=self.queue, MessageBody=json.dumps(seal()))

    def push_many(self, n: int) -> None:
        for _ in range(n // BATCH):
            entries = [{"Id": str(i), "MessageBody": json.dumps(seal())} for i in range(BATCH)]
            self.client.send_message_batch(QueueUrl=self.queue, Entries=entries)

    def work(self) -> None:
        while found := self.client.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=BATCH, VisibilityTimeout=600
        ).get("Messages"):
            for message in found:
                run(*json.loads(message["Body"]))
            entries = [
                {"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]}
                for message in found
            ]
            self.client.delete_message_batch(QueueUrl=self.queue, Entries=entries)


def in_threads(work: Callable[[], None], threads: int) -> None:
    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def main() -> None:
    measure, variant, jobs, url, _ = sys.argv[1:]
    (processes, threads), n = VARIANTS[variant], int(jobs)
    if measure == "drain":
        Loop(url).push_many(n)
        print(rate_of_processes(lambda: in_threads(Loop(url).work, threads), processes, n))
        return
    loop = Loop(url)
    push = {"enqueue": loop.push, "bulk": loop.push_many}[measure]
    start = time.monotonic()
    in_threads(lambda: push(n // threads), threads)
    print(n // threads * threads / (time.monotonic() - start))


if __name__ == "__main__":
    main()
