"""What tests of MongoDB share."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from tests import launcher
from tests.recipes.mongodb import standalone


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[str]:
    """Run a server that is no replica set; give its URL."""
    server = standalone(folder)
    launcher.launch(server)
    launcher.wait(server)
    try:
        yield server.address
    finally:
        assert server.process is not None
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
