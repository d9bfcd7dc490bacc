"""Redis's protocol, version 2, as a server writes and reads it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.fakes.disque_jobs import Refusal


class Status(str):
    """A reply without a length."""


OK, PONG = Status("OK"), Status("PONG")


def encoded(answer: Any) -> Iterator[bytes]:
    """An answer as RESP2."""
    match answer:
        case Refusal():
            yield f"-{answer}\r\n".encode()
        case Status():
            yield f"+{answer}\r\n".encode()
        case None:
            yield b"*-1\r\n"
        case bool() | int():
            yield b":%d\r\n" % answer
        case list():
            yield b"*%d\r\n" % len(answer)
            for one in answer:
                yield from encoded(one)
        case str():
            yield from encoded(answer.encode())
        case _:
            yield b"$%d\r\n%s\r\n" % (len(answer), answer)


def options(words: list[bytes], numbers: tuple[str, ...]) -> dict[str, int]:
    """Options by their names; those without a number are there or not."""
    found: dict[str, int] = {}
    rest = iter(words)
    for word in rest:
        name = word.decode().upper()
        if name in numbers:
            value = next(rest, None)
            if value is None:
                raise Refusal("ERR syntax error")
            found[name] = number(value, name)
        elif name in ("ASYNC", "NOHANG", "WITHCOUNTERS", "BUSYLOOP"):
            found[name] = 1
        elif not name.isdigit():  # the cursor of a scan
            raise Refusal("ERR syntax error")
    return found


def number(word: bytes, name: str) -> int:
    with contextlib.suppress(ValueError):
        return int(word)
    raise Refusal(f"ERR {name} is not a number")
