"""What MongoDB, its client and Python alone allow here: no queue.

Find 100 documents, mark those that are still ready with a token, read what carries it, check the
HMAC and decode the JSON of each, call it, then delete the 100. No result is kept.

    python limit_mongodb.py MEASURE VARIANT JOBS URL PROGRAM        prints jobs per second
"""

from __future__ import annotations

import secrets
import sys
import time
from typing import Any

import pymongo
from limit_job import BATCH, BULK, rate_of_processes, run, seal

VARIANTS = {"1 process": 1, "2 processes": 2}
READY = "ready"


class Loop:
    def __init__(self, url: str) -> None:
        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url)
        self.jobs = self.client.get_default_database()["jobs"]
        self.jobs.create_index(["state", "_id"])

    def job(self) -> dict[str, Any]:
        return {"state": READY, **seal()._asdict()}

    def push(self, n: int) -> None:
        for _ in range(n):
            self.jobs.insert_one(self.job())

    def push_many(self, n: int) -> None:
        for _ in range(n // BULK):
            self.jobs.insert_many([self.job() for _ in range(BULK)])

    def work(self) -> None:
        ready = {"state": READY}
        while found := [one["_id"] for one in self.jobs.find(ready, {"_id": 1}).limit(BATCH)]:
            held = {"state": secrets.token_hex(8)}
            self.jobs.update_many({"_id": {"$in": found}, **ready}, {"$set": held})
            for job in self.jobs.find(held):
                run(job["body"], job["signature"])
            self.jobs.delete_many(held)


def drain(url: str, processes: int, n: int) -> float:
    loop = Loop(url)
    loop.push_many(n)
    loop.client.close()
    return rate_of_processes(lambda: Loop(url).work(), processes, n)


def main() -> None:
    measure, variant, n, url, _ = sys.argv[1:]
    if measure == "drain":
        print(drain(url, VARIANTS[variant], int(n)))
    else:
        loop = Loop(url)
        start = time.monotonic()
        {"enqueue": loop.push, "bulk": loop.push_many}[measure](int(n))
        print(int(n) / (time.monotonic() - start))


if __name__ == "__main__":
    main()
