"""What Convoy leaves in a PostgreSQL, and what its queues cost a claim: see docs/scale.md."""

from __future__ import annotations

from readings import Reading, Sizes, Value
from scaling import LONGEST_SECONDS, short
from session import Session

MIB = 1 << 20
QUEUES = (1, 10, 100, 1_000)


def row_size(session: Session, sizes: Sizes) -> Reading | None:
    """Bytes of a waiting job and of a finished one, indexes included."""
    if not session.system.has_tables:
        return None
    n = sizes.footprint[0]
    session.fresh()
    with session.watch() as watch:
        session.client("fill", task="noop", n=n)
        session.client("tables", verb="analyze")
        live = session.client("tables", verb="sizes")["live"]
        _run(session, n)
        history = session.client("tables", verb="sizes")["history"]
    values = [
        Value("row_size_waiting", live / n, "bytes", n),
        Value("row_size_finished", history / n, "bytes", n),
    ]
    return Reading(values, watch.foreign)


def bloat(session: Session, sizes: Sizes) -> Reading | None:
    """The table of live jobs after many have passed while another session held a snapshot, and
    the vacuum that follows."""
    if not (session.system.has_tables and session.store.has_snapshots):
        return None
    values, foreign = [], 0.0
    for n in sizes.footprint:
        session.fresh()
        with session.watch() as watch:
            with session.store.snapshot():
                session.client("fill", task="noop", n=n)
                _run(session, n)
                size = session.client("tables", verb="sizes")["live"]
            seconds = session.client("tables", verb="vacuum")
        values += [
            Value(f"bloat_{short(n)}", size / MIB, "MiB", n),
            Value(f"bloat_{short(n)}_vacuum", seconds, "s", n),
        ]
        foreign = max(foreign, watch.foreign)
    return Reading(values, foreign)


def prune(session: Session, sizes: Sizes) -> Reading | None:
    """How many finished jobs a second are forgotten."""
    if not session.system.has_tables:
        return None
    n = sizes.footprint[0]
    session.fresh()
    session.client("fill", task="noop", n=n)
    _run(session, n)
    session.client("tables", verb="analyze")
    with session.watch() as watch:
        done = session.client("tables", verb="prune")
    value = Value("prune", done["rows"] / done["seconds"], "jobs/s", done["rows"])
    return Reading([value], watch.foreign)


def queues(session: Session, sizes: Sizes) -> Reading | None:
    """What a claim of 200 costs for each job, by the number of queues that have work."""
    if not session.system.has_tables:
        return None
    values, foreign = [], 0.0
    n = sizes.footprint[0]
    for count in QUEUES:
        session.fresh()
        session.client("spread", task="noop", n=n, queues=count)
        session.client("tables", verb="analyze")
        with session.watch() as watch:
            seconds = session.client("claims", n=n)
        values.append(Value(f"queues_{count}", seconds / n * 1e6, "us/job", n))
        foreign = max(foreign, watch.foreign)
    return Reading(values, foreign)


def _run(session: Session, n: int) -> None:
    """Run what waits, until no live row is left."""
    try:
        session.start()
        session.wait_for(n, limit=LONGEST_SECONDS)
    finally:
        session.stop()
