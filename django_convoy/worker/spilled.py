"""The end of jobs whose payload is in a table: recorded with it, and then rid of it."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from django_convoy.contracts.store import QUARANTINED, Record
from django_convoy.core.settling import Conclusion
from django_convoy.domain.errors import BrokerUnavailable, PayloadError
from django_convoy.domain.verdict import Again, Done
from django_convoy.outbox.spill import Spill, is_spilled
from django_convoy.worker.engine import Pair

logger = logging.getLogger("django_convoy.worker")


def recorded(pair: Pair, conclusions: Sequence[Conclusion]) -> Sequence[Conclusion]:
    """Return conclusions whose records have the payloads. Raises BrokerUnavailable."""
    spill = pair.spill
    if spill is None or not any(is_spilled(one.lease.envelope) for one in conclusions):
        return conclusions
    return [
        one
        if one.record is None or not is_spilled(one.record.envelope) or _is_forged(one)
        else replace(one, record=_whole(pair, spill, one.record))
        for one in conclusions
    ]


def _whole(pair: Pair, spill: Spill, record: Record) -> Record | None:
    try:
        return replace(record, envelope=spill.whole(record.envelope))
    except PayloadError:
        # A message that came twice: what is known of the job says more than this.
        return record if pair.store.get(record.envelope.id) is None else None


def _is_forged(conclusion: Conclusion) -> bool:
    """Return whether the signature was wrong: then the row may be another job's."""
    record = conclusion.record
    if record is None or record.status != QUARANTINED:
        return False
    errors = record.note.errors
    return bool(errors) and errors[-1]["exception_class_path"].endswith(".SignatureError")


def settled(pair: Pair, conclusions: Sequence[Conclusion], held: Sequence[bool]) -> None:
    """Forget the payloads of jobs that are over, and keep those of others for longer."""
    spill = pair.spill
    if spill is None:
        return
    over = []
    try:
        for one, ok in zip(conclusions, held, strict=True):
            if not ok or not is_spilled(one.lease.envelope) or _is_forged(one):
                continue
            if isinstance(one.verdict, Done):
                over.append(one.lease.id)
            else:
                delay = one.verdict.delay if isinstance(one.verdict, Again) else 0.0
                spill.keep([one.lease.id], delay)
        spill.delete(over)
    except BrokerUnavailable as error:  # the jobs are settled: no reason to do that again
        logger.warning("payloads of jobs that are over stay until they expire: %s", error)
