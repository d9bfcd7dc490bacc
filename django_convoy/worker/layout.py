"""Where things stand in the memory that workers share; see `worker.board`."""

import re
import struct
from dataclasses import dataclass
from functools import lru_cache

from django_convoy.worker.handles import ROOM

VERSION = 3
REGIONS = 128
SLOTS = 512
MOST_WORKERS = REGIONS - 8
"""Some regions stay free for those that replace others which have not left yet."""
SLOT = 4096
HEAD = 64
LEASE_ROOM = 2400
OUTCOME = HEAD + LEASE_ROOM
OUTCOME_ROOM = SLOT - OUTCOME - ROOM
HANDLE = SLOT - ROOM
PAGE = 4096
REGION = PAGE + SLOTS * SLOT
SIZE = PAGE + REGIONS * REGION

# Board header: version; monotonic times at which supervisor and steward wake by themselves.
VERSION_AT, SUPERVISOR_AT, STEWARD_AT = 0, 8, 16
# And which region runs a suspect (its index, and one more), until when nobody else may.
SUSPECT_AT, UNTIL_AT = 24, 32
# And the states of all regions, by the supervisor, so that looking for one touches one page.
REGIONS_AT = 1024
# Region header, by the supervisor: pid, exit status, reason and slot of a kill.
PID_AT, EXIT_AT, REASON_AT, KILLED_AT, BOOT_AT, JOBS_AT = 4, 8, 12, 16, 32, 64
STATES_AT, FLAGS_AT = 1024, 2048
# Slot header, by the worker: lengths, serial, times; by the steward: the serial that it took
# back, and when it last renewed. States and flags of all slots stand in the region's header,
# so that looking touches one page.
SLOT_HEAD = struct.Struct("<HHI")
TIMES = struct.Struct("<ddd")
TIMES_AT, RECALLED_AT, RENEWED_AT = 16, 40, 48
U16, U32, I32, F64 = map(struct.Struct, ("<H", "<I", "<i", "<d"))

FREE, LIVE, DEAD = range(3)
EMPTY, HELD, RUNNING, ENDED = range(4)
USED = HELD, RUNNING, ENDED
KILL_ON_STOP, SETTLED, ATOMIC, OVER = 1, 2, 4, 8
NOT_KILLED, OVERDUE, STOPPED, LOST_LEASE, BROKEN = range(5)


@dataclass(slots=True)
class Slot:
    """A copy of one slot. Times are monotonic; deadline 0: none. token: of a renewal, if any."""

    index: int
    state: int
    flags: int
    serial: int
    claimed: float
    started: float
    deadline: float
    renewed: float
    lease: bytes
    outcome: bytes
    token: str = ""


@lru_cache
def any_of(states: tuple[int, ...]) -> re.Pattern[bytes]:
    """Return what finds any of these states among those of all slots, or of all regions."""
    return re.compile(b"[%b]" % re.escape(bytes(states)))


def places(found: bytes, states: tuple[int, ...]) -> list[int]:
    """Return where any of these states stands. A loop over 512 slots takes 30 times as long, and
    the steward looks beside each quick job."""
    return [match.start() for match in any_of(states).finditer(found)]
