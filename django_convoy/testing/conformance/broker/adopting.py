"""Promise: jobs of another broker go on where they were."""

from dataclasses import replace
from datetime import timedelta

from django_convoy.contracts.broker import Adopter, Counts, Held
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.testing.conformance.broker.case import BrokerCase

SEEN = Note(errors=({"message": "no"},), workers=("w-1",), failures=1)


class Adopting(BrokerCase):
    """The role `Adopter`."""

    def adopter(self) -> Adopter:
        """Return the broker in this role. Skips where it does not have it."""
        adopter: Adopter = self.role(Adopter)
        return adopter

    def job(self, state: str = "ready", attempt: int = 0, note: Note = NO_NOTE) -> Held:
        """Return a job of another broker."""
        return Held(self.envelope(), state, attempt, note)

    def test_an_adopted_job_goes_on_where_it_was(self) -> None:
        job = self.job(attempt=2, note=SEEN)
        self.adopter().adopt([job])
        lease = self.claim_one()
        assert (lease.id, lease.attempt, lease.note) == (job.envelope.id, 3, SEEN)

    def test_an_adopted_job_waits_until_its_time(self) -> None:
        self.requires_delays()
        job = replace(self.job("delayed", 1, SEEN), wake_at=clock.now() + timedelta(seconds=60))
        self.adopter().adopt([job])
        assert self.claim() == []
        assert self.broker.counts(self.queue) == Counts(delayed=1)

    def test_an_adopted_job_that_was_set_aside_stays_there(self) -> None:
        self.adopter().adopt([self.job("buried", 1, SEEN)])
        assert self.claim() == []
        assert self.broker.counts(self.queue) == Counts(buried=1)

    def test_an_adopted_suspect_is_one(self) -> None:
        self.adopter().adopt([self.job(), self.job(note=Note(suspect=True, ended="its host died"))])
        suspect = self.claim()
        assert len(suspect) == 1
        assert suspect[0].note.suspect

    def test_a_job_that_is_there_is_not_adopted_again(self) -> None:
        self.requires("unique")
        (job_id,) = self.push()
        job = replace(self.job(attempt=5), envelope=self.envelope(id=job_id))
        new = self.job()
        self.adopter().adopt([job, new])
        self.adopter().adopt([job, new])
        leases = self.claim()
        assert [(one.id, one.attempt) for one in leases] == [(job_id, 1), (new.envelope.id, 1)]
