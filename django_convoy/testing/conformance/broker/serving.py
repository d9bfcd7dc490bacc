"""Promise: a server can be asked whether it is there, and a queue can be removed from it."""

import unittest
from dataclasses import replace
from datetime import timedelta

from django_convoy.contracts.broker import Adopter, Counts, Held, Reachable
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of

SEEN = Note(errors=({"message": "no"},), workers=("w-1",), failures=1)


class Serving(BrokerCase):
    """`delete`, and the roles `Reachable` and `Adopter`."""

    def test_it_says_what_it_is(self) -> None:
        broker = self.broker
        if not isinstance(broker, Reachable):
            raise unittest.SkipTest("this broker cannot be asked")
        broker.ping()
        assert any(one.isdigit() for one in broker.info()), "no version"

    def test_a_deleted_queue_is_empty(self) -> None:
        self.requires("inventory", "leases")
        self.push(2)
        self.push(delay=60)
        self.claim_one()
        assert self.broker.delete(self.queue) == 3
        assert self.broker.counts(self.queue) == Counts()

    def test_who_held_a_job_of_a_deleted_queue_has_lost_it(self) -> None:
        self.requires("fencing")
        self.push()
        lease = self.claim_one()
        self.broker.delete(self.queue)
        assert self.broker.settle([(lease, DONE)]) == [False]

    def test_a_deleted_queue_can_be_used_again(self) -> None:
        self.push(queue=f"{self.queue}-other")
        self.broker.delete(self.queue)
        self.broker.delete(self.queue)
        assert ids_of(self.claim()) == []
        ids = self.push(2)
        assert ids_of(self.claim()) == ids
        assert self.broker.counts(f"{self.queue}-other").ready == 1

    def adopter(self) -> Adopter:
        """Return the broker in this role. Skips where it does not have it."""
        broker = self.broker
        if not isinstance(broker, Adopter):
            raise unittest.SkipTest("this broker does not adopt jobs")
        return broker

    def job(self, state: str = "ready", attempt: int = 0, note: Note = NO_NOTE) -> Held:
        """Return a job of another broker."""
        return Held(self.envelope(), state, attempt, note)

    def test_an_adopted_job_goes_on_where_it_was(self) -> None:
        job = self.job(attempt=2, note=SEEN)
        self.adopter().adopt([job])
        lease = self.claim_one()
        assert (lease.id, lease.attempt, lease.note) == (job.envelope.id, 3, SEEN)

    def test_an_adopted_job_waits_until_its_time(self) -> None:
        if not self.holds_delays:
            raise unittest.SkipTest("this broker holds no delays")
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
