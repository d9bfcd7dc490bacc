"""What may take its time: pruning, and reporting to the database. A thread of the steward,
on a connection of its own, so that renewals never wait behind it."""

import json
import logging
import os
import signal
import socket
import threading
import time
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import QuerySet

from django_convoy.db.models import WorkerProcess
from django_convoy.domain import clock
from django_convoy.domain.errors import ConvoyError
from django_convoy.version import VERSION
from django_convoy.worker.board import Board
from django_convoy.worker.cutoff import CutOff, first
from django_convoy.worker.engine import Engine
from django_convoy.worker.layout import LIVE, RUNNING
from django_convoy.worker.parcel import unpack_lease
from django_convoy.worker.plan import Plan
from django_convoy.worker.watch import UNREADABLE

logger = logging.getLogger("django_convoy.steward")
REPORT_SECONDS = 10.0
FIRST_SECONDS = 1.5
COMMAND_SECONDS = 2.0
FORGET = timedelta(hours=1)
"""How long a tree that ended without a word is shown."""
PRUNE_SECONDS = 60.0
PRUNE_BATCH = 1000


class Housekeeping:
    """Reports every ten seconds, obeys `convoy workers stop`, prunes in small batches."""

    def __init__(self, engine: Engine, board: Board, plan: Plan, supervisor: int) -> None:
        self._engine = engine
        self._board = board
        self._plan = plan
        self._supervisor = supervisor
        self._alias = engine.own.broker.capabilities.transactional or "default"
        self._id = f"{socket.gethostname()}:{supervisor}:{plan.backend}"[:64]
        self._started_at = clock.now()
        self._leaving = threading.Event()
        self.cut_off: CutOff | None = None
        """What the steward itself knows of that."""
        self._told: CutOff | None = None
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take this tree off the list of workers, and end."""
        self._leaving.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        report_at = prune_at = 0.0
        while True:
            leaving = self._leaving.is_set()
            try:
                now = time.monotonic()
                if leaving:
                    self._rows().delete()
                    break
                cut_off = self._first_cut_off()
                if now >= report_at or cut_off != self._told:
                    self._report(cut_off)
                    # The first one came before the workers had begun.
                    report_at = now + (REPORT_SECONDS if report_at else FIRST_SECONDS)
                elif self._rows().values_list("command", flat=True).first() == "stop":
                    self._rows().update(command="", state="stopping")
                    os.kill(self._supervisor, signal.SIGTERM)
                if now >= prune_at:
                    prune_at = now + PRUNE_SECONDS
                    self._prune()
            except (DatabaseError, InterfaceError, ConvoyError) as error:
                logger.debug("housekeeping: %s", error)
                connections.close_all()
                if leaving:
                    break
            except ProcessLookupError:
                pass
            self._leaving.wait(COMMAND_SECONDS)
        connections.close_all()

    def _rows(self) -> QuerySet[WorkerProcess]:
        return WorkerProcess.objects.using(self._alias).filter(id=self._id)

    def _first_cut_off(self) -> CutOff | None:
        """Return since when, and why, somebody of this tree cannot reach the broker."""
        found = [one for one in (self.cut_off, first(self._board)) if one is not None]
        return min(found, key=lambda one: one.since, default=None)

    def _report(self, cut_off: CutOff | None) -> None:
        now = clock.now()
        report: dict[str, object] = {"workers": self._workers()}
        if cut_off is not None:
            since = clock.past(cut_off.since)
            report["cut_off"] = {"since": since.isoformat(), "why": cut_off.why}
        values = {
            "backend": self._plan.backend,
            "name": self._plan.name or f"{socket.gethostname()}:{self._supervisor}",
            "host": socket.gethostname(),
            "pid": self._supervisor,
            "queues": self._plan.queues,
            "version": VERSION,
            "started_at": self._started_at,
            "seen_at": now,
            "state": "running",
            "report": json.dumps(report),
        }
        if not self._rows().update(**{**values, "state": "running"}):
            WorkerProcess.objects.using(self._alias).create(id=self._id, **values)
        self._told = cut_off

    def _workers(self) -> list[dict[str, object]]:
        found = []
        for region in self._board.regions(LIVE):
            running = []
            for slot in region.slots():
                if slot.state != RUNNING:
                    continue
                try:
                    envelope = unpack_lease(slot.lease)[0].envelope
                except UNREADABLE:
                    continue
                seconds = round(time.monotonic() - slot.started, 1)
                running.append({"id": envelope.id, "task": envelope.task, "seconds": seconds})
            found.append(
                {"id": region.boot, "pid": region.pid, "jobs": region.jobs, "running": running}
            )
        return found

    def _prune(self) -> None:
        rows = WorkerProcess.objects.using(self._alias)
        rows.filter(seen_at__lt=clock.now() - FORGET).delete()
        while not self._leaving.is_set():
            began = time.monotonic()
            removed = self._engine.shared.store.prune(
                self._engine.retention, limit=PRUNE_BATCH, namespace=self._engine.namespace
            )
            if removed < PRUNE_BATCH:
                break
            # Others want to write, too: at most half of the time.
            self._leaving.wait(max(0.01, time.monotonic() - began))
        spill = self._engine.shared.spill
        while spill is not None and spill.prune() and not self._leaving.is_set():
            pass
