"""What a renewal of a lease answers."""

from dataclasses import dataclass
from enum import Enum


class Renewal(Enum):
    """held: yours for another period; busy: being settled right now, ask again; lost: not yours."""

    HELD = "held"
    BUSY = "busy"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Renewed:
    """Held, under a new token: the old one holds nothing any more."""

    token: str
