"""Who settles is never in the way of who renews, and only one of two settles."""

import threading

import pytest

from django_convoy.domain.envelope import Note
from django_convoy.domain.errors import LeaseLost
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import DONE, Again
from tests.databases import on_each_database, on_servers

AGAIN = Again(0, False, Note())


@on_servers
@pytest.mark.parametrize("verdict", [DONE, AGAIN], ids=["done", "again"])
def test_a_renewal_does_not_wait_for_an_open_settle(alias, worker, verdict):
    settler, renewer = worker(), worker()
    settler.put(3)
    leases = settler.take(3)

    def work():
        settler.settle([(leases[1], verdict)])
        assert renewer.renew(leases, lease=60) == [Renewal.HELD, Renewal.BUSY, Renewal.HELD]

    settler.together(work)
    assert renewer.renew(leases, lease=60) == [Renewal.HELD, Renewal.LOST, Renewal.HELD]


@on_servers
def test_a_settle_that_is_rolled_back_leaves_the_lease_as_it_was(alias, worker):
    settler, renewer = worker(), worker()
    settler.put()
    leases = settler.take()

    def work():
        settler.settle([(leases[0], DONE)])
        raise LeaseLost

    with pytest.raises(LeaseLost):
        settler.together(work)
    assert renewer.renew(leases, lease=60) == [Renewal.HELD]
    assert settler.settle([(leases[0], DONE)]) == [True]


@on_servers
@pytest.mark.parametrize("jobs", [2, 3, 60])
@pytest.mark.parametrize("verdict", [DONE, AGAIN], ids=["done", "again"])
def test_an_open_settle_holds_up_no_other_job(alias, worker, jobs, verdict):
    first, second = worker(), worker()
    first.put(jobs)
    mine, *others = first.take(jobs)

    def work():
        first.settle([(mine, DONE)])
        assert second.settle([(one, verdict) for one in others]) == [True] * len(others)

    first.together(work)


@on_servers
def test_an_open_settle_holds_up_no_claim(alias, worker):
    first, second = worker(), worker()
    first.put(4)
    leases = first.take(2)

    def work():
        first.settle([(leases[0], DONE), (leases[1], AGAIN)])
        assert len(second.take(4)) == 2

    first.together(work)


@on_each_database
def test_one_of_two_that_settle_at_once_is_refused(alias, worker):
    worker().put()
    (lease,) = worker().take()
    answers = []

    def settle(verdict):
        broker = worker()
        answers.extend(broker.settle([(lease, verdict)]))
        broker.close()

    threads = [threading.Thread(target=settle, args=[one]) for one in (DONE, AGAIN, DONE, AGAIN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, False, False, True]


@on_each_database
def test_many_who_claim_renew_and_settle_the_same_jobs_come_to_an_end(alias, worker):
    """Locks are taken in one order, and what deadlocks nevertheless is done again."""
    pushed = worker().put(200)
    done, errors = [], []

    def work():
        broker = worker()
        try:
            while leases := broker.take(20):
                broker.renew(list(reversed(leases)), lease=60)
                back = [(one, AGAIN) for one in leases if one.attempt < 3]
                over = [(one, DONE) for one in leases if one.attempt >= 3]
                assert all(broker.settle(back + over[::-1]))
                done.extend(one.id for one, _ in over)
        except BaseException as error:
            errors.append(error)
        finally:
            broker.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    while leases := worker().take(200):  # of a claimer that saw nothing for a moment
        done.extend(one.id for one in leases)
    assert sorted(done) == pushed
