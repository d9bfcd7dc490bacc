"""A claim that is not committed yet hides its own jobs from others, and nothing else."""

import pytest

from django_convoy.domain.envelope import Note
from django_convoy.domain.verdict import DONE, Bury
from tests.databases import on_each_database, on_servers

LITTER = 3000


@pytest.fixture
def litter(worker):
    """Rows of other states, so that a wrong index would find many of them."""
    broker = worker()
    broker.put(LITTER)
    while leases := broker.take(500):
        broker.settle([(lease, Bury(Note())) for lease in leases])
    broker.put(300)
    broker.take(300, lease=3600)


@on_servers
@pytest.mark.parametrize("ready", [2, 3, 50])
def test_two_uncommitted_claims_share_the_jobs(alias, worker, ready):
    first, second = worker(), worker()
    pushed = first.put(ready)

    def work():
        mine, others = first.take(1), second.take(ready)
        assert [lease.id for lease in mine] == pushed[:1]
        assert [lease.id for lease in others] == pushed[1:]

    first.together(work)


@on_servers
def test_two_uncommitted_claims_share_the_jobs_among_many_others(alias, worker, litter):
    first, second, third = worker(), worker(), worker()
    pushed = first.put(30)

    def work():
        first.take(10)
        second.together(lambda: second.take(10))
        assert [lease.id for lease in third.take(30)] == pushed[20:]

    first.together(work)


@on_servers
def test_an_uncommitted_claim_holds_up_no_push(alias, worker):
    first, second = worker(), worker()
    first.put(5)

    def work():
        first.take(2)
        pushed = second.put(1) + second.put(3)
        assert [lease.id for lease in second.take(9)][-4:] == pushed

    first.together(work)


@on_servers
def test_an_uncommitted_claim_of_all_jobs_leaves_nothing_and_holds_up_nobody(alias, worker):
    first, second = worker(), worker()
    first.put(2)

    def work():
        first.take(2)
        assert second.take(2) == []

    first.together(work)


@on_servers
def test_a_claim_that_is_rolled_back_gives_its_jobs_back(alias, worker):
    first, second = worker(), worker()
    pushed = first.put(2)

    def work():
        first.take(2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        first.together(work)
    assert [(lease.id, lease.attempt) for lease in second.take(2)] == [(one, 1) for one in pushed]


@on_each_database
def test_a_claim_never_takes_what_is_not_committed(alias, worker):
    first, second = worker(), worker()

    def work():
        first.put()
        # SQLite has one writer, but a look before the claim, which does not see it either.
        assert second.take() == []

    first.together(work)
    (lease,) = second.take()
    assert second.settle([(lease, DONE)]) == [True]
