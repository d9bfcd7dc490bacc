"""Promise: an idle claim waits, and comes back early when there may be work."""

import threading
from collections.abc import Callable, Iterator

from django_convoy.domain.envelope import Lease
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase, ids_of


class Waiting(BrokerCase):
    """`claim(wait=...)`. Where the promise is broken these tests hang, they do not time."""

    def while_waiting(self, act: Callable[[], object]) -> list[Lease]:
        """Act once another thread waits for a job; return what it claimed."""
        claimed: list[Lease] = []
        thread = threading.Thread(target=lambda: claimed.extend(self.take(FOREVER)))
        thread.start()
        thread.join(0.3)  # it has most probably begun to wait, and need not have
        act()
        thread.join()
        return claimed

    def test_a_claim_gives_up_after_its_time(self) -> None:
        assert self.claim(wait=0.05) == []

    def test_a_push_ends_the_wait(self) -> None:
        pushed: list[str] = []
        claimed = self.while_waiting(lambda: pushed.extend(self.push()))
        assert ids_of(claimed) == pushed

    def test_a_job_that_is_handed_back_ends_the_wait(self) -> None:
        self.push()
        lease = self.claim_one()
        claimed = self.while_waiting(lambda: self.broker.settle([(lease, self.again())]))
        assert ids_of(claimed) == [lease.id]

    def test_a_job_that_falls_due_ends_the_wait(self) -> None:
        pushed: list[str] = []
        claimed = self.while_waiting(lambda: pushed.extend(self.push(delay=0.3)))
        assert ids_of(claimed) == pushed

    def test_queues_may_change_while_a_claim_waits(self) -> None:
        later = f"{self.queue}-later"

        class Queues:
            looks = 0

            def __iter__(self) -> Iterator[str]:
                Queues.looks += 1
                return iter([later] if Queues.looks > 1 else ["conformance-none"])

        pushed = self.push(queue=later)
        leases = self.broker.claim(Queues(), limit=9, lease=60, worker="w", wait=FOREVER)
        assert ids_of(leases) == pushed

    def test_an_interrupt_ends_the_wait(self) -> None:
        broker = self.another()
        claimed: list[list[Lease]] = []

        def claim() -> None:
            claimed.append(self.claim(broker=broker, wait=FOREVER))
            broker.close()

        thread = threading.Thread(target=claim)
        thread.start()
        thread.join(0.2)
        broker.interrupt()
        thread.join()
        assert claimed == [[]]

    def test_an_interrupt_is_not_forgotten_when_it_comes_early(self) -> None:
        self.broker.interrupt()
        assert self.claim(wait=FOREVER) == []

    def test_an_interrupted_broker_can_be_used_again(self) -> None:
        self.broker.interrupt()
        self.claim(wait=FOREVER)
        pushed = self.push()
        assert ids_of(self.claim(wait=FOREVER)) == pushed
