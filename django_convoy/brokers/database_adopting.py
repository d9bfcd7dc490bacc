"""Taking jobs over from another broker, into a database."""

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from django_convoy.contracts.broker import Adopter, Held
from django_convoy.db.session import Session

CHUNK = 500
_ADOPT = (
    "INSERT INTO convoy_job (id, queue, task, payload, seal, key_id, priority, due, enqueued_at, "
    f"state, wake_at, attempt, note, token, worker) VALUES ({', '.join(['%s'] * 13)}, '', '')"
)


class DatabaseAdopting(Adopter):
    """The role `Adopter` of the database broker."""

    session: Session

    @abstractmethod
    def _wake_later(self, count: int) -> None:
        """Wake who waits for so many jobs, once they can be seen."""

    def adopt(self, jobs: Sequence[Held]) -> None:
        """Insert what is not there yet."""

        def work(cursor: Any) -> None:
            for start in range(0, len(jobs), CHUNK):
                chunk = jobs[start : start + CHUNK]
                there = self._there(cursor, [one.envelope.id for one in chunk])
                rows = [self._adopted(one) for one in chunk if one.envelope.id not in there]
                if rows:
                    cursor.executemany(_ADOPT, rows)

        self.session.write(work)
        self._wake_later(len(jobs))

    def _there(self, cursor: Any, job_ids: list[str]) -> set[str]:
        marks = ", ".join(["%s"] * len(job_ids))
        cursor.execute(f"SELECT id FROM convoy_job WHERE id IN ({marks})", job_ids)
        return {row[0] for row in cursor.fetchall()}

    def _adopted(self, job: Held) -> list[Any]:
        time, one = self.session.dialect.time, job.envelope
        wake_at = None if job.state == "buried" else job.wake_at or one.due
        if job.state == "buried":
            state = "buried"
        else:
            state = "delayed" if wake_at else "suspect" if job.note.suspect else "ready"
        note = job.note.to_json()
        return [
            one.id,
            one.queue,
            one.task,
            one.payload,
            one.seal,
            one.key_id,
            one.priority,
            time(one.due),
            time(one.enqueued_at),
            state,
            time(wake_at),
            job.attempt,
            json.dumps(note) if note else "",
        ]
