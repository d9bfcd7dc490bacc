"""What a Redis server, its client and Python alone allow here: no queue.

Move 100 jobs from the list to a hash of what is held (a Lua script), check the HMAC and decode the
JSON of each, call it, then forget the 100 and set 100 results in one pipeline.

    python limit_redis.py MEASURE VARIANT JOBS URL PROGRAM        prints jobs per second
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from itertools import count
from urllib.parse import urlsplit

import redis
from limit_job import BATCH, BULK, rate_of_processes, run, seal

BENCHMARK = "redis-benchmark"
LPUSH = "redis-py LPUSH"
VARIANTS = {"1 process": 1, "2 processes": 2}
RESULT_SECONDS = 3600
BYTES = b"x" * 100
CLAIM = """
local found = redis.call('LPOP', KEYS[1], ARGV[1])
if not found then return {} end
for _, job in ipairs(found) do
    redis.call('HSET', KEYS[2], cjson.decode(job)[1], job)
end
return found
"""


class Loop:
    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(url)
        self.claim = self.redis.register_script(CLAIM)
        self.numbers = count()

    def job(self) -> str:
        return json.dumps([f"{time.time_ns():016x}{next(self.numbers):016x}", *seal()])

    def push(self, n: int) -> None:
        for _ in range(n):
            self.redis.rpush("ready", self.job())

    def push_bare(self, n: int) -> None:
        """A hundred bytes, as they are."""
        for _ in range(n):
            self.redis.lpush("ready", BYTES)

    def push_many(self, n: int) -> None:
        for _ in range(n // BULK):
            self.redis.rpush("ready", *(self.job() for _ in range(BULK)))

    def work(self) -> None:
        while claimed := self.claim(keys=["ready", "held"], args=[BATCH]):
            pipeline = self.redis.pipeline()
            for text in claimed:
                key, body, signature = json.loads(text)
                result = run(body, signature)
                pipeline.hdel("held", key)
                pipeline.set(f"result:{key}", result, ex=RESULT_SECONDS)
            pipeline.execute()


def drain(url: str, processes: int, n: int) -> float:
    Loop(url).push_many(n)
    return rate_of_processes(lambda: Loop(url).work(), processes, n)


def benchmark(url: str, program: str, measure: str, n: int) -> float:
    """The server alone: LPOP by 2 clients in pipelines of 100, or LPUSH by one, one by one."""
    batch, clients = (BATCH, 2) if measure == "drain" else (1, 1)
    port = str(urlsplit(url).port)
    command = [program, "-p", port, "-n", str(n), "-c", str(clients), "-P", str(batch), "--csv"]
    job = Loop(url).job()
    call = ["RPUSH", "ready", job]
    if measure == "drain":
        Loop(url).push_many(n)
        call = ["LPOP", "ready"]
    done = subprocess.run([*command, *call], capture_output=True, text=True, check=True)
    return float(list(csv.reader(done.stdout.splitlines()))[-1][1])


def main() -> None:
    measure, variant, n, url, program = sys.argv[1:]
    if variant == BENCHMARK:
        print(benchmark(url, program, measure, int(n)))
    elif measure == "drain":
        print(drain(url, VARIANTS[variant], int(n)))
    else:
        loop = Loop(url)
        call = loop.push_bare if variant == LPUSH else loop.push
        start = time.monotonic()
        {"enqueue": call, "bulk": loop.push_many}[measure](int(n))
        print(int(n) / (time.monotonic() - start))


if __name__ == "__main__":
    main()
