"""What somebody may do to a job: run it again, take it out."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django_convoy.contracts.broker import Browsable, Held, Immediate
from django_convoy.contracts.store import FAILED, QUARANTINED, SUCCESSFUL, Record
from django_convoy.core.settling import conclude
from django_convoy.domain import clock
from django_convoy.domain.envelope import Lease
from django_convoy.domain.errors import ConvoyError, JobInterrupted
from django_convoy.domain.outcome import Cancelled, Error
from django_convoy.insight import history
from django_convoy.insight.site import Site, browser
from django_convoy.outbox.spill import send

APART = timedelta(seconds=5)
"""How long a job waits that is put back before its old record can be removed."""
BATCH = 500


class Refused(ConvoyError):
    """It cannot be done to this job; the message says why."""


def retry(site: Site, job_id: str) -> None:
    """Make a job that failed, is set aside or waits ready now, as if it had never run.

    Raises Refused.
    """
    pair = site.shared
    held = None if pair.view is None else pair.view.find(job_id)
    if held is not None and site.short_name(held.envelope.queue) is not None:
        _revive(site, held)
        return
    record = pair.store.get(job_id)
    if record is None or site.short_name(record.envelope.queue) is None:
        raise Refused(f"there is no job {job_id!r}")
    if record.status == SUCCESSFUL:
        raise Refused(f"job {job_id} succeeded: enqueue its task again if it is to run again")
    if isinstance(pair.broker, Immediate):
        raise Refused(f"job {job_id} cannot wait here: enqueue its task again, and it is run")
    if not pair.together:
        _again_elsewhere(site, record)
    elif not pair.broker.together(lambda: _again(site, record)):
        raise Refused(f"job {job_id} was retried by somebody else")


def _revive(site: Site, held: Held) -> None:
    job_id, pair = held.envelope.id, site.shared
    if held.state == "ready":
        raise Refused(f"job {job_id} is ready already")
    if held.state == "leased":
        raise Refused(f"job {job_id} is held by {held.worker or 'a worker'}")
    if held.state == "buried":
        pair.store.remove(job_id)  # what a store that forgets still knows of its failure
    if not browser(site).revive(job_id):
        raise Refused(f"job {job_id} is being run or was changed by somebody else")


def _again(site: Site, record: Record) -> bool:
    """In one transaction; raises nothing of its own, which would spoil a caller's."""
    if site.shared.store.remove(record.envelope.id) is None:
        return False
    job = replace(record.envelope, enqueued_at=clock.now(), due=None)
    send(site.shared.broker.push, site.shared.spill, [job])
    return True


def _again_elsewhere(site: Site, record: Record) -> None:
    """Put it back first, so that nothing is lost between the two; it may not end again before
    its old record is gone."""
    now = clock.now()
    job = replace(record.envelope, enqueued_at=now, due=now + APART)
    send(site.shared.broker.push, site.shared.spill, [job])
    site.shared.store.remove(record.envelope.id)


def failed(site: Site, *, queue: str = "", task: str = "") -> Iterator[str]:
    """Return the ids of jobs that failed, are quarantined or set aside; they may be retried
    while this is read."""
    seen = ""
    while found := history.ids(
        site, statuses=(FAILED, QUARANTINED), queue=queue, task=task, after=seen, limit=BATCH
    ):
        yield from found
        seen = found[-1]
    if (view := site.shared.view) is not None:
        yield from _live(site, view, "buried", queue, task)


def purge(site: Site, queue: str) -> int:
    """Remove the jobs of a queue that nobody holds, without a record; return how many."""
    return site.shared.broker.purge(site.full_name(queue)) + _purge_outbox(site, queue)


def delete(site: Site, queue: str) -> int:
    """Remove a queue on its server with all its jobs, held ones too; return how many."""
    return site.shared.broker.delete(site.full_name(queue)) + _purge_outbox(site, queue)


def _purge_outbox(site: Site, queue: str) -> int:
    outbox = site.shared.outbox
    if outbox is None or not outbox.exists():
        return 0
    return outbox.purge(site.full_name(queue))


def _live(site: Site, broker: Browsable, state: str, queue: str, task: str) -> list[str]:
    names = [site.full_name(queue)] if queue else list(broker.queues())
    return [
        held.envelope.id
        for name in names
        if site.short_name(name) is not None
        for held in broker.jobs(queue=name, state=state, limit=10_000)
        if task in held.envelope.task
    ]


def cancel(site: Site, job_id: str, reason: str) -> None:
    """Take out a job that nobody holds, and keep a record that says so. Raises Refused."""
    pair, broker = site.shared, browser(site)
    held = broker.find(job_id)
    if held is None or site.short_name(held.envelope.queue) is None:
        record = pair.store.get(job_id)
        if record is not None and site.short_name(record.envelope.queue) is not None:
            raise Refused(f"job {job_id} is over: {record.status}")
        raise Refused(f"there is no job {job_id!r}")
    if held.state == "leased":
        raise Refused(
            f"job {job_id} is held by {held.worker or 'a worker'}: it cannot be cancelled"
        )

    def work() -> bool:
        if broker.remove(job_id) is None:
            return False
        pair.store.finished([_cancelled(held, reason, clock.now())])
        return True

    if not (pair.broker.together(work) if pair.together else work()):
        raise Refused(f"job {job_id} was taken by a worker meanwhile")


def _cancelled(held: Held, reason: str, now: datetime) -> Record:
    error = Error.of(JobInterrupted(reason), held.attempt)
    lease = Lease(held.envelope, "", held.attempt, held.note)
    ended = conclude(lease, Cancelled(error), worker="", started_at=None, finished_at=now)
    assert ended.record is not None  # noqa: S101 - for the type checker: it is over
    return ended.record


def cancel_queue(site: Site, queue: str, reason: str) -> int:
    """Cancel every job of a queue that nobody holds; return how many."""
    broker, count = browser(site), 0
    full = site.full_name(queue)
    while True:
        before = count
        for state in broker.states:
            if state == "leased":
                continue
            for held in broker.jobs(queue=full, state=state, limit=BATCH):
                try:
                    cancel(site, held.envelope.id, reason)
                except Refused:
                    continue  # taken or gone meanwhile
                count += 1
        if count == before:
            return count
