"""`convoy jobs` lists jobs, `convoy job` shows all that is known of one."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError

from django_convoy.runtime import runtime_of
from tests.api.tasks import add, fail, rich
from tests.commands.test_status import MEMORY, use


def listed(convoy, part, *arguments):
    return [one["id"] for one in convoy("jobs", "--json", *arguments).data.get(part) or []]


def test_live_jobs_oldest_first_and_finished_ones_newest_first(convoy, run_jobs):
    over = [add.enqueue(1).id, add.enqueue(2).id]
    run_jobs()
    waiting = [add.enqueue(3).id, add.enqueue(4).id]
    assert listed(convoy, "live") == waiting
    assert listed(convoy, "finished") == over[::-1]
    text = convoy("jobs").out
    assert text.index(waiting[0]) < text.index(waiting[1]) < text.index(over[1])


def test_filters(convoy, run_jobs):
    failed, good = fail.enqueue("x").id, add.enqueue(1).id
    run_jobs()
    ready, mail = add.enqueue(1).id, rich.enqueue("x").id
    late = add.using(run_after=timedelta(hours=1)).enqueue(1).id
    assert listed(convoy, "live", "--queue", "mail") == [mail]
    assert listed(convoy, "live", "--state", "delayed") == [late]
    assert listed(convoy, "live", "--task", "rich") == [mail]
    assert listed(convoy, "live", "--limit", "1") == [ready]
    assert listed(convoy, "finished", "--status", "failed") == [failed]
    assert listed(convoy, "finished", "--task", ".add") == [good]
    assert listed(convoy, "finished", "--queue", "nowhere") == []
    assert "finished" not in convoy("jobs", "--json", "--state", "ready").data
    assert "live" not in convoy("jobs", "--json", "--status", "FAILED").data


@pytest.mark.django_db
def test_a_filter_that_cannot_match_is_refused(convoy):
    with pytest.raises(CommandError, match="invalid choice"):
        convoy("jobs", "--state", "sleeping")


@pytest.mark.django_db
def test_the_choices_of_a_filter_are_those_that_there_are(convoy):
    with pytest.raises(CommandError, match=r"choose from '?SUCCESSFUL"):
        convoy("jobs", "--status", "lost")
    with pytest.raises(CommandError, match=r"choose from '?ready"):
        convoy("jobs", "--state", "lost")


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5"])
def test_a_limit_that_is_no_number_of_jobs_is_refused(convoy, limit):
    with pytest.raises(CommandError, match=f"'{limit}' is not a whole number above 0"):
        convoy("jobs", "--limit", limit)


@pytest.mark.django_db
def test_a_queue_may_be_named_in_both_ways(convoy):
    mail, _ = rich.enqueue("x").id, add.enqueue(1)
    assert listed(convoy, "live", "mail") == listed(convoy, "live", "--queue", "mail") == [mail]
    assert listed(convoy, "live", "mail", "--queue", "mail") == [mail]
    with pytest.raises(CommandError, match="two queues are named, 'mail' and 'default'"):
        convoy("jobs", "mail", "--queue", "default")


@pytest.mark.parametrize("options", [{}, MEMORY])
def test_a_queue_that_nobody_knows_is_answered_with_one_that_is_known(
    convoy, settings, run_jobs, options
):
    use(settings, **options)
    rich.enqueue("x")
    told = "queue 'mial' has no jobs and is not declared; did you mean 'mail'?\n"
    assert convoy("jobs", "mial").err == told
    assert convoy("cancel", "--queue", "mial").err == told
    assert convoy("purge", "mial", "--no-input").err == told
    assert convoy("retry", "--failed", "--queue", "mial").err == told
    run_jobs()
    for known in ("mail", "declared"):
        settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["declared", "mail"]}}
        assert convoy("jobs", known, "--state", "ready").err == ""
        assert convoy("purge", known, "--no-input").err == ""


@pytest.mark.django_db
def test_a_queue_that_only_has_a_history_is_known(convoy, run_jobs):
    rich.enqueue("x")
    run_jobs()
    assert convoy("jobs", "mail", "--state", "ready").err == ""
    assert convoy("jobs", "nowhere").err == "queue 'nowhere' has no jobs and is not declared\n"


@pytest.mark.django_db
def test_the_limit_counts_this_namespaces_jobs(convoy, settings):
    add.enqueue_many([1, 2, 3])
    use(settings, namespace="red")
    mine = [add.enqueue(1).id, rich.enqueue("x").id]
    assert listed(convoy, "live", "--limit", "2") == mine


def test_a_store_without_a_table_is_a_sentence(convoy, settings, run_jobs):
    use(settings, store="none")
    assert "cannot list finished jobs" in convoy("jobs").out
    assert convoy("jobs", "--json").data["finished"] is None


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{}, MEMORY])
def test_a_job_that_waits(convoy, settings, options):
    use(settings, **options)
    some = add.using(run_after=timedelta(hours=1), retries=2, priority=5)
    job_id = some.enqueue("naïve", b=[1]).id
    shown = convoy("job", job_id).out
    for words in ("tests.api.tasks.add", "delayed", "('naïve', b=[1])", "in 60 min", "retries"):
        assert words.replace("60 min", "") in shown
    data = convoy("job", job_id, "--json").data
    assert data["call"] == {"args": ["naïve"], "kwargs": {"b": [1]}, "options": {"retries": 2}}
    assert (data["state"], data["priority"], data["finished"]) == ("delayed", 5, False)


def test_a_job_that_failed_shows_every_attempt(convoy, run_jobs):
    job_id = fail.using(retries=1, backoff=60).enqueue("no luck").id
    run_jobs()
    runtime_of("default").shared.broker.session.connection.cursor().execute(
        "UPDATE convoy_job SET wake_at = enqueued_at"
    )
    run_jobs()
    shown = convoy("job", job_id).out
    assert "FAILED" in shown
    assert shown.count("Traceback") == 2
    assert "Attempt 1, " in shown
    assert "Attempt 2, " in shown
    assert "ValueError: no luck" in shown
    data = convoy("job", job_id, "--json").data
    assert data["attempt"] == 2
    assert [error["attempt"] for error in data["note"]["errors"]] == [1, 2]


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_those_of_the_sites_clocks(convoy, settings, run_jobs, use_tz):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Kathmandu"
    with time_machine.travel(datetime(2030, 1, 31, 20, 30, tzinfo=UTC), tick=False):
        job_id = fail.enqueue("x").id
        run_jobs()
    shown = convoy("job", job_id).out
    for name in ("enqueued:", "started:", "finished:"):
        assert f"{name:<12} 2030-02-01 02:15:00+05:45 (" in shown
    assert "Attempt 1, 2030-02-01 02:15:00+05:45" in shown
    data = convoy("job", job_id, "--json").data
    for at in (data["enqueued_at"], data["finished_at"], data["note"]["errors"][0]["at"]):
        assert datetime.fromisoformat(at) == datetime(2030, 1, 31, 20, 30, tzinfo=UTC)


def test_a_result_is_shown(convoy, run_jobs):
    job_id = add.enqueue(1, b=2).id
    run_jobs()
    assert convoy("job", job_id, "--json").data["result"] == 3
    shown = convoy("job", job_id).out
    assert "result:      3" in shown
    assert "tester" in shown


@pytest.mark.django_db
def test_arguments_are_not_read_when_the_signature_is_wrong(convoy, settings):
    job_id = add.enqueue("secret").id
    settings.SECRET_KEY = "another-" * 6
    shown = convoy("job", job_id).out
    assert "unreadable" in shown
    assert "signed with the unknown key" in shown
    assert "secret" not in shown.replace("SECRET_KEY", "")
    assert convoy("job", job_id, "--json").data["call"] is None


def test_why_a_job_waits(convoy, run_jobs, monkeypatch):
    job_id = add.enqueue(1).id
    with monkeypatch.context() as patch:
        patch.delattr("tests.api.tasks.add")
        run_jobs()
    assert "waits for a worker with newer code" in convoy("job", job_id).out
    assert "newer code" in convoy("jobs").out


@pytest.mark.django_db
def test_a_job_that_is_not_there_is_a_sentence(convoy, settings):
    job_id = add.enqueue(1).id
    with pytest.raises(CommandError, match="there is no job 'x'"):
        convoy("job", "x")
    use(settings, namespace="red")
    with pytest.raises(CommandError, match="there is no job"):
        convoy("job", job_id)


@pytest.mark.django_db
def test_a_job_that_is_held(convoy):
    job_id = add.enqueue(1).id
    broker = runtime_of("default").shared.broker
    (lease,) = broker.claim(["default"], limit=1, lease=15, worker="web-1.3")
    broker.mark_started([(lease, lease.envelope.enqueued_at)])
    shown = convoy("job", job_id).out
    assert "leased" in shown
    assert "web-1.3" in shown
    assert "lease until" in shown
    assert "running" in convoy("jobs").out
