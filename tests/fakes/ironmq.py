"""IronMQ's HTTP API, version 3, in one process: all of it but push queues.

    python -m tests.fakes.ironmq --port 8080 [--token T] [--journal FILE] [--second 0.2] [--least 1]

second: how long one of its seconds lasts. least: the shortest reservation, 30 on the real one.
Beside the API, `POST /fake/errors {"project": "p", "status": 503, "count": 2}` makes a
project's next requests fail.
"""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.ironmq_state import Refusal, Server
from tests.fakes.journal import Journal


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    fake: Server

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(size)
        if len(raw) < size:  # its sender died: what it meant is not known
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        try:
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                raise Refusal(400, "Invalid JSON") from None
            with self.fake.changed:
                if parts.path == "/fake/errors":
                    self.fake.errors[body["project"]] += [body["status"]] * body["count"]
                    status, answer = 200, {}
                elif errors := self.fake.errors[parts.path.split("/")[3]]:
                    raise Refusal(errors.pop(0), "Service unavailable")
                elif self.headers.get("Authorization") != f"OAuth {self.fake.token}":
                    raise Refusal(401, "Unauthorized")
                else:
                    query = parse_qs(parts.query)
                    status, answer = self.fake.answer(self.command, parts.path, query, body)
        except Refusal as refusal:
            status, answer = refusal.status, {"msg": refusal.message}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer


class Listener(ThreadingHTTPServer):
    """All connections."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is none of ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", default="token")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--second", type=float, default=1.0)
    parser.add_argument("--least", type=int, default=30)
    told = parser.parse_args()
    Handler.fake = Server(Journal(told.journal), told.second, told.least, told.token)
    listener = Listener(("127.0.0.1", told.port), Handler)
    print("ready", flush=True)
    listener.serve_forever()


if __name__ == "__main__":
    main()
