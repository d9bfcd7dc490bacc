"""Disque 1.0-rc1 as its clients see it: RESP2, one or more nodes that know all jobs.

    python -m tests.fakes.disque --port 7711 [--nodes 2] [--password P] [--journal FILE]
                                 [--second 0.2]

The nodes of one process are a cluster in which each job is on every node; `SHUTDOWN` ends the
node that is asked, not its jobs. `HELLO` says where the others listen. second: how long one of
its seconds lasts.
"""

import argparse
import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.disque_jobs import Job, Jobs, Refusal
from tests.fakes.journal import Journal
from tests.fakes.resp import OK, PONG, encoded, number, options

VERSION = "1.0-rc1"
UNKNOWN_JOB = "NOJOB Job not known in the context of this node."
TOO_LATE = "TOOLATE Half of job TTL already elapsed, you are no longer allowed to postpone it."


class Node(asyncio.Protocol):
    """One connection to one node."""

    def __init__(self, cluster: "Cluster", index: int) -> None:
        self.cluster = cluster
        self.index = index
        self.jobs = cluster.jobs
        self.known = not cluster.password
        self.blocked: asyncio.Future[None] | None = None
        self.data = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.cluster.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.cluster.connections.discard(self)
        if self.blocked is not None:
            self.blocked.cancel()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.work()

    def work(self) -> None:
        """Answer what has arrived whole, unless this connection waits for jobs."""
        while self.blocked is None and (command := self.next()) is not None:
            try:
                answer = self.execute(command)
            except Refusal as refusal:
                answer = refusal
            if self.blocked is None:
                self.send(answer)

    def next(self) -> list[bytes] | None:
        """The next command, None until it is complete."""
        lines, at = self.data, 0

        def line() -> bytes:
            nonlocal at
            end = lines.index(b"\r\n", at)
            found, at = lines[at:end], end + 2
            return found

        try:
            words = []
            for _ in range(int(line()[1:])):
                size = int(line()[1:])
                if len(lines) < at + size + 2:
                    return None
                words.append(lines[at : at + size])
                at += size + 2
        except ValueError:
            return None
        self.data = lines[at:]
        return words

    def send(self, answer: Any) -> None:
        self.transport.write(b"".join(encoded(answer)))

    def execute(self, words: list[bytes]) -> Any:
        name = words[0].decode().upper()
        if name == "AUTH":
            return self.auth(words[1:])
        if not self.known:
            raise Refusal("NOAUTH Authentication required.")
        command: Callable[[list[bytes]], Any] | None = getattr(self, f"do_{name.lower()}", None)
        if command is None:
            raise Refusal(f"ERR unknown command '{words[0].decode()}'")
        return command(words[1:])

    def auth(self, words: list[bytes]) -> Any:
        if len(words) != 1:
            raise Refusal("ERR wrong number of arguments for 'auth' command")
        if not self.cluster.password:
            raise Refusal("ERR Client sent AUTH, but no password is set")
        self.known = words[0].decode() == self.cluster.password
        if not self.known:
            raise Refusal("ERR invalid password")
        return OK

    # Jobs

    def do_addjob(self, words: list[bytes]) -> Any:
        if len(words) < 3:
            raise Refusal("ERR wrong number of arguments for 'addjob' command")
        queue, body, _timeout, *rest = words
        given = options(rest, numbers=("REPLICATE", "DELAY", "RETRY", "TTL", "MAXLEN"))
        nodes = len(self.cluster.listeners)
        copies = given.get("REPLICATE", min(3, nodes))
        ttl, delay = given.get("TTL", 86_400), given.get("DELAY", 0)
        retry = given.get("RETRY", 300)
        if delay >= ttl and delay:
            raise Refusal("ERR The specified DELAY is greater than TTL. Job refused")
        if retry == 0 and copies != 1:
            raise Refusal("ERR With RETRY set to 0 please explicitly set REPLICATE to 1")
        if copies > nodes:
            raise Refusal("NOREPL Not enough reachable nodes for the requested replication level")
        if self.cluster.paused.get(queue) in ("in", "all"):
            raise Refusal("PAUSED Queue paused in input, try later")
        if "MAXLEN" in given and self.jobs.length(queue) >= given["MAXLEN"]:
            raise Refusal("MAXLEN Queue is already longer than the specified MAXLEN count")
        job = self.jobs.add(queue, body, delay=delay, retry=retry, ttl=ttl, repl=copies)
        self.cluster.serve()
        return job.id

    def do_getjob(self, words: list[bytes]) -> Any:
        upper = [word.upper() for word in words]
        if b"FROM" not in upper or upper.index(b"FROM") == len(words) - 1:
            raise Refusal("ERR syntax error")
        place = upper.index(b"FROM")
        given = options(words[:place], numbers=("TIMEOUT", "COUNT"))
        queues, counters = words[place + 1 :], "WITHCOUNTERS" in given

        def taken() -> list[Any]:
            return self.cluster.take(queues, given.get("COUNT", 1), counters)

        if found := taken():
            return found
        if "NOHANG" in given:
            return None
        self.block(taken, given.get("TIMEOUT", 0) / 1000 * self.jobs.second)
        return None

    def block(self, taken: Callable[[], list[Any]], seconds: float) -> None:
        """Answer once there is a job, or nothing in time."""
        loop = asyncio.get_running_loop()
        self.blocked = future = loop.create_future()

        def over(answer: Any) -> None:
            if not future.done():
                future.set_result(None)
                self.blocked = None
                self.send(answer)
                loop.call_soon(self.work)

        def look() -> None:
            if not future.done() and (found := taken()):
                over(found)

        self.cluster.waiting.append((future, look))
        if seconds:
            loop.call_later(seconds, over, None)

    def do_ackjob(self, words: list[bytes]) -> Any:
        return sum(self.jobs.remove(job) for job in self.named(words))

    do_fastack = do_deljob = do_ackjob

    def do_nack(self, words: list[bytes]) -> Any:
        done = sum(self.jobs.enqueue(job, nack=True) for job in self.named(words))
        self.cluster.serve()
        return done

    def do_enqueue(self, words: list[bytes]) -> Any:
        done = sum(self.jobs.enqueue(job) for job in self.named(words))
        self.cluster.serve()
        return done

    def do_dequeue(self, words: list[bytes]) -> Any:
        return sum(self.jobs.dequeue(job) for job in self.named(words))

    def do_working(self, words: list[bytes]) -> Any:
        job = next(iter(self.named(words[:1])), None)
        if job is None:
            raise Refusal(UNKNOWN_JOB)
        if not self.jobs.postpone(job):
            raise Refusal(TOO_LATE)
        return job.retry

    def named(self, words: list[bytes]) -> list[Job]:
        """The jobs of these ids that are there."""
        for word in words:
            if len(word) != 40 or not word.startswith(b"D-"):
                raise Refusal("BADID Invalid Job ID format.")
        return [job for word in words if (job := self.jobs.get(word.decode())) is not None]

    # Looking

    def do_qlen(self, words: list[bytes]) -> Any:
        return self.jobs.length(words[0])

    def do_qpeek(self, words: list[bytes]) -> Any:
        count = number(words[1], "count")
        queued = self.jobs.queued(words[0])
        chosen = queued[:count] if count >= 0 else queued[::-1][:-count]
        return [[job.queue, job.id, job.body] for job in chosen]

    def do_qstat(self, words: list[bytes]) -> Any:
        if not any(job.queue == words[0] for job in self.jobs.all()):
            return None
        names = ("age", "idle", "blocked", "import-from", "import-rate", "jobs-in", "jobs-out")
        flat: list[Any] = ["name", words[0], "len", self.jobs.length(words[0])]
        for name in names:
            flat += [name, [] if name == "import-from" else 0]
        return [*flat, "pause", self.cluster.paused.get(words[0], "none")]

    def do_show(self, words: list[bytes]) -> Any:
        found = self.named(words[:1])
        return self.jobs.shown(found[0]) if found else None

    def do_qscan(self, words: list[bytes]) -> Any:
        given = options(words, numbers=("COUNT", "MINLEN", "MAXLEN", "IMPORTRATE"))
        names = sorted({job.queue for job in self.jobs.all()})
        least = given.get("MINLEN", 0)
        return ["0", [name for name in names if self.jobs.length(name) >= least]]

    def do_jscan(self, words: list[bytes]) -> Any:
        """Pages of about COUNT jobs, by where the last one ended."""
        cursor, size, whole = 0, 100, False
        queue, states = None, set()
        rest = iter(words)
        for word in rest:
            match word.upper():
                case b"COUNT":
                    size = number(next(rest), "COUNT")
                case b"QUEUE":
                    queue = next(rest)
                case b"STATE":
                    states.add(next(rest).decode())
                case b"REPLY":
                    whole = next(rest).lower() == b"all"
                case b"BUSYLOOP":
                    size = 1 << 60
                case _:
                    cursor = number(word, "cursor")
        page, more = self.jobs.page(cursor, size)
        chosen = [
            job
            for job in page
            if queue in (None, job.queue) and (not states or job.state in states)
        ]
        return [str(more), [self.jobs.shown(job) if whole else job.id for job in chosen]]

    # The server

    def do_hello(self, words: list[bytes]) -> Any:
        if words:
            raise Refusal("ERR wrong number of arguments for 'hello' command")
        nodes = [
            [node_id(index), "127.0.0.1", str(port), "1"]
            for index, port in sorted(self.cluster.ports.items())
        ]
        return [1, node_id(self.index), *nodes]

    def do_info(self, words: list[bytes]) -> Any:
        known = {
            "disque_version": VERSION,
            "process_id": os.getpid(),
            "registered_jobs": len(self.jobs.all()),
            "registered_queues": len({job.queue for job in self.jobs.all()}),
        }
        return "# Server\r\n" + "".join(f"{name}:{value}\r\n" for name, value in known.items())

    def do_ping(self, words: list[bytes]) -> Any:
        return PONG

    def do_time(self, words: list[bytes]) -> Any:
        seconds, micros = divmod(int(self.jobs.now() * 1e6), 1_000_000)
        return [str(seconds), str(micros)]

    def do_client(self, words: list[bytes]) -> Any:
        if words and words[0].upper() == b"SETNAME":
            return OK
        raise Refusal("ERR Syntax error, try CLIENT (LIST | KILL ip:port | GETNAME | SETNAME name)")

    def do_pause(self, words: list[bytes]) -> Any:
        """Where both directions are paused, it says so."""
        wanted = words[1].decode().lower()
        now = self.cluster.paused.get(words[0], "none")
        if wanted in ("in", "out") and now not in ("none", wanted):
            wanted = "all"
        if wanted != "state":
            self.cluster.paused[words[0]] = now = wanted
            self.cluster.serve()
        return now

    def do_shutdown(self, words: list[bytes]) -> Any:
        self.cluster.end(self.index, self)
        return OK


class Cluster:
    """The nodes of this process, and who waits at them."""

    def __init__(self, jobs: Jobs, password: str) -> None:
        self.jobs = jobs
        self.password = password
        self.paused: dict[bytes, str] = {}
        self.connections: set[Node] = set()
        self.waiting: list[tuple[asyncio.Future[None], Callable[[], None]]] = []
        self.listeners: dict[int, asyncio.Server] = {}
        self.ports: dict[int, int] = {}

    async def run(self, port: int, nodes: int) -> None:
        loop = asyncio.get_running_loop()
        for index in range(nodes):
            listener = await loop.create_server(
                lambda index=index: Node(self, index), "127.0.0.1", 0 if index else port
            )
            self.listeners[index] = listener
            self.ports[index] = listener.sockets[0].getsockname()[1]
        print("ready", *self.ports.values(), flush=True)
        while True:
            # Often enough for what falls due, and for what nobody came back for.
            await asyncio.sleep(0.005)
            if self.jobs.wake():
                self.serve()

    def end(self, index: int, asked: Node) -> None:
        """Close a node; who asked for it hears of it last, when nothing of the node is left."""
        self.listeners.pop(index).close()
        self.ports.pop(index)
        for one in self.connections - {asked}:
            if one.index == index:
                one.transport.abort()
        asked.transport.abort()

    def take(self, queues: list[bytes], count: int, counters: bool) -> list[Any]:
        found = []
        for queue in queues:
            if self.paused.get(queue) in ("out", "all"):
                continue
            for job in self.jobs.take(queue, count - len(found)):
                shown: list[Any] = [job.queue, job.id, job.body]
                if counters:
                    shown += ["nacks", job.nacks, "additional-deliveries", job.deliveries]
                found.append(shown)
        return found

    def serve(self) -> None:
        """Give what is there to those that wait, in the order in which they came."""
        waiting, self.waiting = self.waiting, []
        for future, look in waiting:
            look()
            if not future.done():
                self.waiting.append((future, look))


def node_id(index: int) -> str:
    return f"{index + 1:08x}".ljust(40, "0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--password", default="")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--second", type=float, default=1.0)
    told = parser.parse_args()
    jobs = Jobs(Journal(told.journal), told.second)
    asyncio.run(Cluster(jobs, told.password).run(told.port, told.nodes))


if __name__ == "__main__":
    main()
