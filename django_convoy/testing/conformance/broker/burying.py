"""Promise: what is set aside is visible, and stays until somebody says so."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import Note
from django_convoy.domain.verdict import Bury
from django_convoy.testing.conformance.broker.case import BrokerCase

WHY = Note(failures=2, crashes=3, ended="took its worker down 3 times")


class Burying(BrokerCase):
    """The verdict `Bury`, and `revive`."""

    def bury(self) -> str:
        """Set one job aside; return its id."""
        (job_id,) = self.push()
        assert self.broker.settle([(self.claim_one(), Bury(WHY))]) == [True]
        return job_id

    def test_a_buried_job_is_not_claimed(self) -> None:
        self.bury()
        assert self.claim() == []
        assert self.broker.counts(self.queue) == Counts(buried=1)

    def test_a_buried_job_can_be_looked_at(self) -> None:
        held = self.browser.find(self.bury())
        assert held.state == "buried"
        assert held.note == WHY

    def test_a_revived_job_starts_anew(self) -> None:
        job_id = self.bury()
        assert self.browser.revive(job_id) is True
        lease = self.claim_one()
        assert (lease.id, lease.attempt, lease.note) == (job_id, 1, Note())

    def test_a_delayed_job_can_be_made_ready_now(self) -> None:
        (job_id,) = self.push(delay=60)
        assert self.browser.revive(job_id) is True
        assert self.claim_one().id == job_id

    def test_a_held_job_is_not_revived(self) -> None:
        self.push()
        lease = self.claim_one()
        assert self.browser.revive(lease.id) is False
        assert self.claim() == []

    def test_what_is_not_there_is_not_revived(self) -> None:
        assert self.browser.revive("0" * 32) is False
