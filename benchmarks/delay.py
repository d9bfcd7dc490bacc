#!/usr/bin/env python3
"""A server, as if it were far away: `python delay.py PORT MILLISECONDS COMMAND...`.

Runs the command, whose last argument is the port that it listens on, and passes connections to
PORT on to it. What a client sends arrives so much later; answers come back at once. So a request
takes as long as it would over such a network, and any number of them may be on their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

HOST = "127.0.0.1"
CHUNK = 64 * 1024
STOP_SECONDS = 5
Line = asyncio.Queue[tuple[float, bytes]]


async def take_in(reader: asyncio.StreamReader, line: Line, delay: float) -> None:
    """Put what a client sends on a line, with the moment at which it arrives; b"" is its end."""
    loop, data = asyncio.get_running_loop(), b"-"
    while data:
        try:
            data = await reader.read(CHUNK)
        except OSError:
            data = b""
        line.put_nowait((loop.time() + delay, data))


async def let_out(line: Line, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while True:
        at, data = await line.get()
        await asyncio.sleep(at - loop.time())
        if not data:
            return
        writer.write(data)
        await writer.drain()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


class Proxy:
    def __init__(self, port: int, delay: float) -> None:
        self.port = port  # of the server
        self.delay = delay

    async def serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """One connection, until either side closes it."""
        with contextlib.closing(answers), contextlib.suppress(OSError):
            server, requests = await asyncio.open_connection(HOST, self.port)
            line: Line = asyncio.Queue()
            coming = asyncio.create_task(take_in(client, line, self.delay))
            ways = [
                asyncio.create_task(let_out(line, requests)),
                asyncio.create_task(pass_on(server, answers)),
            ]
            with contextlib.closing(requests):
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for task in (coming, *ways):
                task.cancel()
            await asyncio.gather(coming, *ways, return_exceptions=True)


async def main(port: int, delay: float, command: list[str]) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    # It listens first: who reads in the log that the server runs may connect.
    await asyncio.start_server(Proxy(int(command[-1]), delay).serve, HOST, port)
    server = await asyncio.create_subprocess_exec(*command)
    ends = [asyncio.create_task(server.wait()), asyncio.create_task(stopped.wait())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    with contextlib.suppress(ProcessLookupError):
        server.terminate()
        try:
            await asyncio.wait_for(server.wait(), STOP_SECONDS)
        except TimeoutError:
            server.kill()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000, sys.argv[3:]))
