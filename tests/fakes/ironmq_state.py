"""What the fake of IronMQ knows, and what each of its calls does."""

import heapq
import itertools
import re
import threading
import time
import uuid
from collections import defaultdict, deque
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.fakes.journal import Journal

QUEUES = re.compile(r"/3/projects/([^/]+)/queues(?:/([^/]+)(?:/(.+))?)?")
MOST, LARGEST = 100, 64 * 1024
DELAY, WAIT, LONGEST, EXPIRATION = 604_800, 30, 86_400, 604_800
SETTINGS = ("message_timeout", "message_expiration", "type", "dead_letter")


class Refusal(Exception):
    """A reply that is not 2xx."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message


@dataclass
class Message:
    id: str
    body: str
    expires: float
    visible: float
    rank: int
    reserved_count: int = 0
    reservation: str = ""
    until: float = 0.0

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "body": self.body, "reserved_count": self.reserved_count}


@dataclass
class Queue:
    name: str
    settings: dict[str, Any] = field(
        default_factory=lambda: {
            "message_timeout": 60,
            "message_expiration": EXPIRATION,
            "type": "pull",
        }
    )
    total: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    ready: deque[str] = field(default_factory=deque)
    timers: list[tuple[float, str]] = field(default_factory=list)
    first: int = 0
    last: int = 0


class Server:
    """What it knows. Every method is called with the lock held."""

    def __init__(self, journal: Journal, second: float, least: int, token: str) -> None:
        self.changed = threading.Condition()
        self.journal = journal
        self.second = second
        self.least = least
        self.token = token
        self.errors: defaultdict[str, list[int]] = defaultdict(list)
        self.queues: dict[str, Queue] = {}
        self.ids = itertools.count(int(time.time() * 1e6) << 10)
        kept = journal.values
        for key in [one for one in kept if one.startswith("q ")]:
            self.queues[key[2:]] = Queue(key[2:], **kept[key])
        for key in [one for one in kept if one.startswith("m ")]:
            queue, message = self.queues[kept[key]["queue"]], Message(**kept[key]["message"])
            queue.messages[message.id] = message
        for queue in self.queues.values():
            for message in sorted(queue.messages.values(), key=lambda one: one.rank):
                self.place(queue, message, False)

    # Messages

    def keep(self, queue: Queue, message: Message) -> None:
        self.journal.write(f"m {message.id}", {"queue": queue.name, "message": asdict(message)})

    def place(self, queue: Queue, message: Message, front: bool) -> None:
        """Put a message where it can be reserved, now or later."""
        later = max(message.visible, message.until if message.reservation else 0)
        queue.first, queue.last = min(queue.first, message.rank), max(queue.last, message.rank)
        if later > time.time():
            heapq.heappush(queue.timers, (later, message.id))
        elif front:
            queue.ready.appendleft(message.id)
        else:
            queue.ready.append(message.id)

    def sweep(self, queue: Queue) -> None:
        """Give free what timed out, to the front; and what was delayed, to the end."""
        now = time.time()
        while queue.timers and queue.timers[0][0] <= now:
            _, message_id = heapq.heappop(queue.timers)
            message = queue.messages.get(message_id)
            if message is None or message.visible > now:
                continue
            if message.reservation:
                if message.until <= now:
                    self.free(queue, message)
            elif message_id not in queue.ready:
                queue.ready.append(message_id)

    def free(self, queue: Queue, message: Message, delay: float = 0.0) -> None:
        message.reservation, message.visible = "", time.time() + delay
        queue.first -= 1
        message.rank = queue.first
        self.keep(queue, message)
        self.place(queue, message, True)

    def available(self, queue: Queue) -> list[Message]:
        """Those at the front, as many as a request may have; forgets those that are gone."""
        self.sweep(queue)
        found: list[Message] = []
        now = time.time()
        while queue.ready and len(found) < MOST:
            message = queue.messages.get(queue.ready.popleft())
            if message is None or message.reservation:
                continue
            if message.expires <= now:
                self.remove(queue, message)
                continue
            found.append(message)
        queue.ready.extendleft(one.id for one in reversed(found))
        return found

    def remove(self, queue: Queue, message: Message) -> None:
        del queue.messages[message.id]
        self.journal.write(f"m {message.id}", None)

    def put(self, queue: Queue, message: Message) -> None:
        queue.last += 1
        queue.total += 1
        message.rank = queue.last
        queue.messages[message.id] = message
        self.keep(queue, message)
        self.place(queue, message, False)

    def owned(self, queue: Queue, message_id: str, reservation: Any) -> Message:
        """The message, if this reservation holds it (none is needed where nobody does)."""
        message = self.message(queue, message_id)
        if message.reservation != (reservation or ""):
            raise Refusal(403, "Reservation timed out")
        return message

    def message(self, queue: Queue, message_id: str) -> Message:
        self.sweep(queue)
        message = queue.messages.get(message_id)
        if message is None:
            raise Refusal(404, "Message not found")
        return message

    def find(self, key: str, create: bool = False) -> Queue:
        queue = self.queues.get(key)
        if queue is None:
            if not create:
                raise Refusal(404, "Queue not found")
            queue = self.queues[key] = Queue(key)
            self.journal.write(f"q {key}", {"settings": queue.settings})
        return queue

    # Calls

    def listing(self, project: str, query: dict[str, list[str]]) -> Any:
        prefix, previous = (query.get(name, [""])[0] for name in ("prefix", "previous"))
        most = min(int(query.get("per_page", ["30"])[0]), 100)
        names = sorted(key.split("/", 1)[1] for key in self.queues if key.startswith(f"{project}/"))
        found = [name for name in names if name.startswith(prefix) and name > previous]
        return {"queues": [{"name": name} for name in found[:most]]}

    def settings(self, key: str, body: Any, create: bool) -> Any:
        queue = self.find(key, create)
        given = body.get("queue") or {}
        queue.settings.update({name: given[name] for name in SETTINGS if name in given})
        dead = queue.settings.get("dead_letter") or {}
        if dead.get("queue_name"):
            dead.setdefault("max_reservations", 10)
        else:
            queue.settings.pop("dead_letter", None)
        self.journal.write(f"q {key}", {"settings": queue.settings, "total": queue.total})
        return {"queue": self.described(queue)}

    def described(self, queue: Queue) -> dict[str, Any]:
        project, name = queue.name.split("/", 1)
        return {"name": name, "project_id": project, **queue.settings}

    def detail(self, key: str) -> Any:
        queue = self.find(key)
        self.available(queue)
        sizes = {"size": len(queue.messages), "total_messages": queue.total}
        return {"queue": {**self.described(queue), **sizes}}

    def delete(self, key: str) -> Any:
        queue = self.find(key)
        self.clear(queue)
        del self.queues[key]
        self.journal.write(f"q {key}", None)
        return {"msg": "Deleted"}

    def clear(self, queue: Queue) -> None:
        for message in list(queue.messages.values()):
            self.remove(queue, message)

    def post(self, key: str, body: Any) -> Any:
        given = body.get("messages")
        if not given or any(not isinstance(one.get("body"), str) for one in given):
            raise Refusal(400, "messages with a body are required")
        for one in given:
            if len(one["body"].encode("utf-8", "surrogatepass")) > LARGEST:
                raise Refusal(400, "Message is too large")
            self.whole(one.get("delay", 0), 0, DELAY, "delay")
        queue, now, ids = self.find(key, True), time.time(), []
        for one in given:
            message_id = str(next(self.ids))
            visible = now + one.get("delay", 0) * self.second
            expires = now + queue.settings["message_expiration"] * self.second
            self.put(queue, Message(message_id, one["body"], expires, visible, 0))
            ids.append(message_id)
        self.changed.notify_all()
        return {"ids": ids, "msg": "Messages put on queue."}

    def whole(self, value: Any, least: int, most: int, name: str) -> int:
        if not isinstance(value, int) or not least <= value <= most:
            raise Refusal(400, f"{name} must be a whole number from {least} to {most}")
        return value

    def reserve(self, key: str, body: Any) -> Any:
        queue = self.find(key)
        count = self.whole(body.get("n", 1), 1, MOST, "n")
        usual = queue.settings["message_timeout"]
        timeout = self.whole(body.get("timeout", usual), self.least, LONGEST, "timeout")
        wait = self.whole(body.get("wait", 0), 0, WAIT, "wait")
        end = time.time() + wait * self.second
        while not (found := self.reserved(queue, count, timeout)):
            left = end - time.time()
            if left <= 0:
                break
            soon = queue.timers[0][0] - time.time() if queue.timers else left
            self.changed.wait(max(0.001, min(left, soon)))
        if body.get("delete"):
            for one in found:
                self.remove(queue, queue.messages[one["id"]])
        return {"messages": found}

    def reserved(self, queue: Queue, count: int, timeout: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        dead = queue.settings.get("dead_letter")
        for message in self.available(queue):
            if len(found) == count:
                break
            queue.ready.popleft()
            if dead and message.reserved_count >= dead["max_reservations"]:
                self.bury(queue, message, dead["queue_name"])
                continue
            message.reserved_count += 1
            self.hold(queue, message, timeout)
            found.append({**message.shown(), "reservation_id": message.reservation})
        return found

    def bury(self, queue: Queue, message: Message, name: str) -> None:
        other = self.find(f"{queue.name.split('/', 1)[0]}/{name}", True)
        self.remove(queue, message)
        message.visible = 0.0
        message.expires = time.time() + other.settings["message_expiration"] * self.second
        self.put(other, message)

    def hold(self, queue: Queue, message: Message, timeout: int) -> None:
        message.reservation = uuid.uuid4().hex
        message.until = time.time() + timeout * self.second
        self.keep(queue, message)
        heapq.heappush(queue.timers, (message.until, message.id))

    def touch(self, key: str, message_id: str, body: Any) -> Any:
        queue = self.find(key)
        timeout = body.get("timeout", queue.settings["message_timeout"])
        self.whole(timeout, self.least, LONGEST, "timeout")
        message = self.held(queue, message_id, body)
        message.reserved_count += 1
        self.hold(queue, message, timeout)
        return {"reservation_id": message.reservation, "msg": "Touched"}

    def release(self, key: str, message_id: str, body: Any) -> Any:
        queue = self.find(key)
        delay = self.whole(body.get("delay", 0), 0, DELAY, "delay")
        self.free(queue, self.held(queue, message_id, body), delay * self.second)
        self.changed.notify_all()
        return {"msg": "Released"}

    def held(self, queue: Queue, message_id: str, body: Any) -> Message:
        if not body.get("reservation_id"):
            raise Refusal(403, "Reservation timed out")
        return self.owned(queue, message_id, body["reservation_id"])

    def drop(self, key: str, message_id: str, body: Any) -> Any:
        queue = self.find(key)
        self.remove(queue, self.owned(queue, message_id, body.get("reservation_id")))
        return {"msg": "Deleted"}

    def drop_many(self, key: str, body: Any) -> Any:
        queue = self.find(key)
        if "ids" not in body:
            self.clear(queue)
            return {"msg": "Cleared"}
        if len(body["ids"]) > MOST:
            raise Refusal(400, "too many ids")
        for one in body["ids"]:  # up to the first that is refused
            self.remove(queue, self.owned(queue, one["id"], one.get("reservation_id")))
        return {"msg": "Deleted"}

    def peek(self, key: str, query: dict[str, list[str]]) -> Any:
        found = self.available(self.find(key))[: min(int(query.get("n", ["1"])[0]), MOST)]
        return {"messages": [one.shown() for one in found]}

    def answer(self, method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        """Do what a request asks for."""
        found = QUEUES.fullmatch(path)
        if found is None:
            raise Refusal(404, "Not found")
        project, name, rest = found[1], found[2], found[3] or ""
        if name is None:
            return 200, self.listing(project, query)
        key = f"{project}/{unquote(name)}"
        match method, *rest.split("/"):
            case "GET", "":
                return 200, self.detail(key)
            case "PUT" | "PATCH", "":
                return 200, self.settings(key, body, method == "PUT")
            case "DELETE", "":
                return 200, self.delete(key)
            case "POST", "messages":
                return 201, self.post(key, body)
            case "GET", "messages":
                return 200, self.peek(key, query)
            case "DELETE", "messages":
                return 200, self.drop_many(key, body)
            case "POST", "reservations":
                return 200, self.reserve(key, body)
            case "GET", "messages", message_id:
                return 200, {"message": self.message(self.find(key), message_id).shown()}
            case "DELETE", "messages", message_id:
                return 200, self.drop(key, message_id, body)
            case "POST", "messages", message_id, "touch":
                return 200, self.touch(key, message_id, body)
            case "POST", "messages", message_id, "release":
                return 200, self.release(key, message_id, body)
        raise Refusal(405, "Method not allowed")
