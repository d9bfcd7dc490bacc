"""HUP: the same process with new code. Children and shared memory are handed over."""

import json
import os
import sys
from dataclasses import asdict, dataclass

from django_convoy.worker.layout import VERSION

VARIABLE = "CONVOY_HANDOVER"


@dataclass(frozen=True, slots=True)
class Handover:
    """What the next life of the supervisor is told.

    children: pid to (kind, index, region). at: when the life before ended.
    """

    board: int
    pipe: tuple[int, int]
    steward_pipe: tuple[int, int]
    children: dict[int, tuple[str, int, int]]
    version: int
    at: float


def command_line() -> list[str]:
    """Return how this process was started."""
    return [sys.executable, *sys.orig_argv[1:]]


def reexecute(handover: Handover) -> None:
    """Replace this process by a fresh interpreter with the same command line.

    Call while deaf (see `hearing`): signals wait until the next life can hear them.
    Raises OSError where there is none any more.
    """
    for end in (handover.board, *handover.pipe, *handover.steward_pipe):
        os.set_inheritable(end, True)
    os.environ[VARIABLE] = json.dumps(asdict(handover))
    try:
        os.execv(sys.executable, command_line())  # noqa: S606 - ourselves
    finally:
        del os.environ[VARIABLE]


def read_handover() -> Handover | None:
    """Return what an earlier life left, None in a first life."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return None
    data = json.loads(text)
    if data["version"] != VERSION:
        # The old children cannot be seen on this board; they drain, and their leases lapse.
        for pid in data["children"]:
            os.kill(int(pid), 15)
        return None
    children = {int(pid): tuple(one) for pid, one in data["children"].items()}
    pipe, steward_pipe = tuple(data["pipe"]), tuple(data["steward_pipe"])
    return Handover(data["board"], pipe, steward_pipe, children, VERSION, data["at"])
