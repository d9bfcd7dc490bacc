"""An SQS server: moto's, in a process of its own."""

import importlib.util
import signal
import sys
from pathlib import Path

from tests.recipes.server import Missing, Server

PROGRAM = Path(__file__).with_name("sqs_server.py")


def sqs(folder: Path) -> Server:
    if importlib.util.find_spec("moto") is None:
        raise Missing("no moto found, which is in the test group", installable=True)
    return Server(
        folder=folder,
        init=[sys.executable, "--version"],
        serve=lambda port: [sys.executable, PROGRAM, "-H", "127.0.0.1", "-p", str(port)],
        ready=b"Running on",
        url="http://127.0.0.1:{port}",
        stop=signal.SIGTERM,
        own=True,
    )
