"""A connection lost during COMMIT: whether it happened is asked, never guessed."""

import os
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.worker.proxy import between
from tests.worker.site import Site

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SLOW_COMMIT = (
    "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END'",
    "CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON testapp_note "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()",
)


def test_what_follows_a_commit_follows_one_whose_answer_was_lost(
    make_postgres_site: Callable[..., Site],
) -> None:
    port = urlsplit(os.environ["CONVOY_TEST_POSTGRES"]).port
    assert port
    with between(port, delivered=True) as proxy:
        site = make_postgres_site(options={"lease": 5}, port=proxy.port)
        site.worker("--processes", "1")
        # From the second on, the settle and its COMMIT are one text.
        for number in range(2):
            site.wait_finished(site.enqueue("write_then_hook", "before"))
            site.wait_journal("hook", "before", count=number + 1)
        site.wait_finished(site.enqueue("write_then_hook", "cut me"))
        site.wait_journal("hook", "cut", "me")
        assert proxy.cuts == 1
        assert len(site.journal("hook", "cut", "me")) == len(site.journal("body", "cut", "me")) == 1


def test_a_commit_that_is_under_way_still_is_waited_for(
    make_postgres_site: Callable[..., Site],
) -> None:
    port = urlsplit(os.environ["CONVOY_TEST_POSTGRES"]).port
    assert port
    with between(port, delivered=True) as proxy:
        site = make_postgres_site(options={"lease": 20}, port=proxy.port)
        for statement in SLOW_COMMIT:
            site.sql(statement)
        site.worker("--processes", "1")
        for _ in range(2):
            site.wait_finished(site.enqueue("write_then_hook", "before"))
        (result,) = site.wait_finished(site.enqueue("write_then_hook", "cut me"))
        assert proxy.cuts == 1
        assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
        site.wait_journal("hook", "cut", "me")
        assert len(site.journal("hook", "cut", "me")) == len(site.journal("body", "cut", "me")) == 1
        assert "its lease was lost" not in site.logs()


@pytest.mark.parametrize("delivered", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize("kept", [False, True])
def test_rows_and_outcome_agree(
    make_postgres_site: Callable[..., Site], delivered: bool, kept: bool
) -> None:
    port = urlsplit(os.environ["CONVOY_TEST_POSTGRES"]).port
    assert port
    with between(port, delivered=delivered) as proxy:
        site = make_postgres_site(options={"lease": 5}, port=proxy.port, kept=kept)
        site.worker("--processes", "1")
        site.wait_finished(*site.enqueue_many("write_once", [["before"]] * 3))
        site.sql("DELETE FROM testapp_note")
        job_id = site.enqueue("write_once", "cut me", retries=1, backoff=0.1)
        (result,) = site.wait_finished(job_id)
        assert proxy.cuts == 1
        assert result["status"] == "SUCCESSFUL"
        assert result["attempts"] == (1 if delivered else 2)
        assert len(site.journal("write_once")) == 3 + result["attempts"]
        assert site.sql("SELECT text FROM testapp_note") == [["cut me"]]
        assert site.live() == 0
