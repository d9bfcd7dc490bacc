"""IronMQ's HTTP API, version 3: requests on connections that stay open, any thread's at a time."""

import http.client
import json
import os
import random
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote

from django_convoy.brokers.ironmq_settings import Settings
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError

T = TypeVar("T")
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds, give or take half, before each further try of what a busy server refused."""
TRANSIENT = (408, 429)
"""What a server that is busy answers beside 500 and above."""
AT_ONCE = 8
"""Requests under way at the same time, where the API has none for many messages."""
BROKEN = (OSError, http.client.HTTPException)


class Refused(Exception):
    """The server will not do it: what was asked for is not there, or not ours any more."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class Busy(BrokerUnavailable):
    """The server does not do it now: it was asked too often, or is in trouble."""


class Pending:
    """A request whose reply has not come yet."""

    def __init__(self, client: "Client", connection: http.client.HTTPConnection, what: str) -> None:
        self._client = client
        self._connection = connection
        self._what = what

    @property
    def socket(self) -> socket.socket:
        """What the reply is read from."""
        found = self._connection.sock
        assert isinstance(found, socket.socket)  # noqa: S101 - for the type checker
        return found

    def is_there(self, seconds: float) -> bool:
        """Wait for the reply; it can still be waited for when it is not there."""
        return bool(select.select([self.socket], [], [], max(0.0, seconds))[0])

    def finish(self) -> Any:
        """Read the reply, waiting for it as long as a request may take."""
        return self._client._reply(self._connection, self._what)

    def abandon(self) -> None:
        """Wait no longer."""
        self._connection.close()


class Client:
    """One project on one server. timeout: seconds that a connection or a reply may take."""

    def __init__(self, settings: Settings, timeout: float) -> None:
        self.settings = settings
        self.timeout = timeout
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._pid = os.getpid()
        self._worked = False
        self._tls = ssl.create_default_context() if settings.protocol == "https" else None

    def call(
        self, method: str, path: str, body: Any = None, *, timeout: float | None = None
    ) -> Any:
        """Do a request; return what the reply says. Raises Refused and BrokerUnavailable."""
        for pause in (*PAUSES, None):
            try:
                return self.begin(method, path, body, timeout=timeout).finish()
            except Busy:
                if pause is None:
                    raise
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spread
        raise AssertionError

    def begin(
        self, method: str, path: str, body: Any = None, *, timeout: float | None = None
    ) -> Pending:
        """Send a request whose reply is read later."""
        what = f"{method} {path}"
        connection = self._connection(timeout or self.timeout)
        data = b"" if body is None else json.dumps(body).encode()
        headers = {
            "Authorization": f"OAuth {self.settings.token}",
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
        }
        try:
            url = f"/3/projects/{quote(self.settings.project_id, safe='')}/{path}"
            connection.request(method, url, data, headers)
        except BROKEN as error:
            connection.close()
            raise self._unavailable(what, error) from error
        return Pending(self, connection, what)

    def each(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make several calls, a few at a time; return what each returned."""
        if len(calls) < 3:
            return [call() for call in calls]
        with ThreadPoolExecutor(min(AT_ONCE, len(calls)), "ironmq") as pool:
            return list(pool.map(lambda call: call(), calls))

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self._pid != os.getpid():  # they are our parent's
            self._pid, self._idle = os.getpid(), deque()
        while self._idle:
            try:
                known = self._idle.pop()
            except IndexError:
                break  # another thread was quicker
            # Readable without having been asked: the server has closed it.
            if known.sock is not None and not select.select([known.sock], [], [], 0)[0]:
                known.timeout = timeout
                known.sock.settimeout(timeout)
                return known
            known.close()
        settings = self.settings
        if self._tls is None:
            return http.client.HTTPConnection(settings.host, settings.port, timeout=timeout)
        return http.client.HTTPSConnection(
            settings.host, settings.port, timeout=timeout, context=self._tls
        )

    def _reply(self, connection: http.client.HTTPConnection, what: str) -> Any:
        try:
            response = connection.getresponse()
            data = response.read()
        except BROKEN as error:
            connection.close()
            raise self._unavailable(what, error) from error
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        status = response.status
        if status == 401:
            raise self._stranger()
        try:
            answer = json.loads(data) if data else {}
        except ValueError:
            answer = None
        if not 200 <= status < 300:
            text = answer.get("msg", "") if isinstance(answer, dict) else repr(data[:100])
            if status in TRANSIENT or status >= 500:
                raise Busy(f"{self.settings.where}: {status} {text} ({what})")
            raise Refused(status, f"{text} ({what})")
        if not isinstance(answer, dict):
            raise BrokerUnavailable(
                f"{self.settings.where}: no reply of IronMQ's to {what}: {data[:100]!r}"
            )
        self._worked = True
        return answer

    def _stranger(self) -> ConfigurationError | BrokerUnavailable:
        """Return what to say of a token that is refused."""
        text = f"IronMQ at {self.settings.where}, refused the token (401)"
        # Those who have begun to work wait until it is put right, as for a server that is away.
        if self._worked:
            return BrokerUnavailable(f"{text}, which it took before")
        return ConfigurationError(f"{text}: check token and project_id")

    def _unavailable(self, what: str, error: Exception) -> BrokerUnavailable:
        return BrokerUnavailable(f"{self.settings.where}: {what}: {error!r}")
