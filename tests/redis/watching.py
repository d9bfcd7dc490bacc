"""What a server is told about the keys of one prefix."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from django_convoy.domain import ids


@contextmanager
def watched(client: redis.Redis, prefix: str) -> Iterator[list[str]]:
    """Collect the commands about these keys, without those of scripts. There when it is over."""
    seen: list[str] = []
    last = ids.token()
    with client.monitor() as monitor:
        yield seen
        client.echo(last)
        while last not in (told := monitor.next_command())["command"]:
            if prefix in told["command"] and told["client_type"] != "lua":
                seen.append(told["command"])
