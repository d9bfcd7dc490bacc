"""One command, one answer: nothing is sent twice, and no answer is taken for another's."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from redis._parsers import _RESP2Parser

from django_convoy.brokers.redis import RedisBroker
from django_convoy.clients import redis_link
from django_convoy.clients.redis_cluster import open_link
from django_convoy.clients.redis_link import Link
from django_convoy.clients.redis_scripts import Script, script
from django_convoy.clients.redis_settings import place_of
from django_convoy.domain import ids
from django_convoy.domain.errors import BrokerUnavailable


@pytest.fixture(params=["in C", "in Python"])
def link(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    """With each of the parsers that the client may have."""
    place = place_of(url=os.environ["CONVOY_TEST_VALKEY"])
    if request.param == "in Python":
        monkeypatch.setattr(redis_link, "packer", None)
        place = replace(place, kwargs={**place.kwargs, "parser_class": _RESP2Parser})
    link = Link(place)
    yield link
    link.close()


class Deaf:
    """A server that takes commands, and answers those that connecting takes only."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65536):
                    self.heard.append(data)
                    commands = data.count(b"CLIENT")
                    connection.sendall(b"+OK\r\n" * commands)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    server = Deaf()
    yield server
    server.close()


def test_what_is_not_answered_is_not_sent_again(deaf: Deaf):
    link = open_link(place_of(port=deaf.port, socket_timeout=0.2))
    with pytest.raises(BrokerUnavailable, match=r"no answer within 0\.2 s"):
        link.call("key", "LPOP", "key")
    with pytest.raises(BrokerUnavailable):
        link.script(Script("return 1", "0" * 40), ("key",))
    link.close()
    assert b"".join(deaf.heard).count(b"LPOP") == 1
    assert b"".join(deaf.heard).count(b"EVALSHA") == 1
    assert link.outages == 2


def test_a_claim_that_is_not_answered_is_not_sent_again(deaf: Deaf):
    broker = RedisBroker(port=deaf.port, socket_timeout=0.2)
    with pytest.raises(BrokerUnavailable):
        broker.claim(["q"], limit=1, lease=9, worker="w", wait=5)
    broker.close()
    assert b"".join(deaf.heard).count(b"EVALSHA") == 1


def test_nobody_there_is_said_at_once():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        link = open_link(place_of(port=nobody.getsockname()[1]))
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable, match=r"Redis at localhost:\d+.*refused"):
            link.call("key", "GET", "key")
        assert time.monotonic() - began < 5  # the client's own ten tries take longer


@pytest.mark.valkey
class TestLink:
    def test_a_connection_that_was_closed_meanwhile_is_made_anew(self, link: Link):
        """What would be sent into a closed connection is not lost, nor sent twice."""
        own = link.call("k", "CLIENT", "ID")
        other = Link(link.place)
        other.call("k", "CLIENT", "KILL", "ID", own)
        other.close()
        assert link.call("k", "PING") == b"PONG"

    def test_an_error_from_outside_leaves_no_answer_behind(self, link: Link, monkeypatch):
        """A signal's handler may raise between a command and its answer."""
        assert link.call("k", "PING") == b"PONG"
        parser = link.connection("k")._parser
        read = parser.read_response

        def interrupted() -> None:
            monkeypatch.setattr(parser, "read_response", read)
            raise KeyboardInterrupt

        monkeypatch.setattr(parser, "read_response", interrupted)
        with pytest.raises(KeyboardInterrupt):
            link.call("k", "ECHO", "not for you")
        assert link.call("k", "PING") == b"PONG"

    def test_a_connection_that_is_lost_on_the_way_is_not_made_anew(self, link: Link):
        """What belongs together would go to two connections, half of it with no answer."""
        connection = link.connection("k")
        connection.disconnect()
        with pytest.raises(BrokerUnavailable, match="was closed"):
            link.guarded(connection, lambda: redis_link.send(connection, ("PING",)))
        assert link.call("k", "PING") == b"PONG"

    def test_answers_of_every_kind_are_read(self, link: Link):
        key = f"kinds-{ids.token()}"
        large = "\u00e4" * 300_000
        assert link.call(key, "SET", key, large, "EX", 60) == b"OK"
        assert link.call(key, "GET", key) == large.encode()
        every = Script("return {1, 'a', false, {2}, redis.error_reply('ERR no')}", "3" * 40)
        one, text, nothing, inner, refused = link.script(every, (key,))
        assert (one, text, nothing, inner) == (1, b"a", None, [2])
        assert isinstance(refused, redis.ResponseError)

    def test_each_thread_has_a_connection(self, link: Link):
        found = [link.call("k", "CLIENT", "ID")]
        for _ in range(2):
            ask = threading.Thread(target=lambda: found.append(link.call("k", "CLIENT", "ID")))
            ask.start()
            ask.join()
        assert len(set(found)) == 3

    def test_a_fork_has_connections_of_its_own(self, link: Link):
        mine = link.call("k", "CLIENT", "ID")
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.write(writer, b"%d" % link.call("k", "CLIENT", "ID"))
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            assert int(file.read()) != mine
        assert link.call("k", "CLIENT", "ID") == mine

    def test_a_server_that_forgot_its_scripts_is_told_them_again(self, link: Link):
        key = f"scripts-{ids.token()}"
        one, two = Script("return 1", "1" * 40), Script("return 2", "2" * 40)
        assert link.script(one, (key,)) == 1
        assert link.script(two, (key,)) == 2
        peek = script("common", "peek")
        keys = tuple(f"{{{key}}}{number}" for number in range(9))
        link.call(key, "SCRIPT", "FLUSH")
        assert link.scripts(peek, [(keys, "q"), (keys, "q")]) == [[0, -1, 0]] * 2

    def test_what_a_server_refuses_is_said_with_the_server(self, link: Link):
        with pytest.raises(BrokerUnavailable, match=r"database 0: .*NOSUCH"):
            link.call("k", "NOSUCH")
        assert link.call("k", "PING") == b"PONG"
