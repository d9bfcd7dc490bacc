"""What a renewal of a lease answers."""

from enum import Enum


class Renewal(Enum):
    """held: yours for another period; busy: being settled right now, ask again; lost: not yours."""

    HELD = "held"
    BUSY = "busy"
    LOST = "lost"
