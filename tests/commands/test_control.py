"""`convoy retry`, `cancel` and `purge` change only what nobody holds, and say what they did."""

import re
from datetime import timedelta

import pytest
from django.core.management import CommandError

from django_convoy.framework import TaskResultStatus
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, fail, rich
from tests.commands.test_status import MEMORY, use

EVERY_BROKER = pytest.mark.parametrize("options", [{}, MEMORY], ids=["database", "memory"])


def broker():
    return runtime_of("default").shared.broker


def hold():
    (lease,) = broker().claim(["default"], limit=1, lease=15, worker="web-1.3")
    return lease


# Retry


def test_a_failed_job_runs_again_as_if_it_had_never_run(convoy, run_jobs):
    result = fail.using(priority=4).enqueue("x")
    run_jobs()
    assert "1 job is ready" in convoy("retry", result.id).out
    again = fail.get_result(result.id)
    assert again.status == TaskResultStatus.READY
    assert (again.errors, again.attempts, again.task.priority) == ([], 0, 4)
    assert run_jobs() == [result.id]
    assert len(fail.get_result(result.id).errors) == 1


def test_a_broker_elsewhere_gets_it_back_before_the_record_goes(convoy, settings, run_jobs):
    use(settings, **MEMORY)
    result = fail.enqueue("x")
    run_jobs()
    convoy("retry", result.id)
    held = broker().find(result.id)
    assert held.state == "delayed"  # for a moment: its end must find no old record
    assert fail.get_result(result.id).status == TaskResultStatus.READY


def test_a_job_that_is_set_aside_runs_again(convoy, settings, run_jobs):
    for store in ("none", "cache"):
        use(settings, store=store)
        result = fail.enqueue("x")
        run_jobs()
        assert broker().find(result.id).state == "buried"
        convoy("retry", result.id)
        assert fail.get_result(result.id).status == TaskResultStatus.READY
        assert broker().find(result.id).state == "ready"
        assert run_jobs() == [result.id]
        convoy("purge", "default", "--no-input")


@EVERY_BROKER
def test_a_delayed_job_is_ready_now(convoy, settings, run_jobs, options):
    use(settings, **options)
    result = add.using(run_after=timedelta(hours=1)).enqueue(1)
    convoy("retry", result.id)
    assert run_jobs() == [result.id]


def test_all_that_failed(convoy, run_jobs):
    failed = [fail.enqueue("a").id, fail.using(queue_name="mail").enqueue("b").id]
    add.enqueue(1)
    run_jobs()
    assert convoy("retry", "--failed", "--queue", "mail", "--json").data["retried"] == [failed[1]]
    assert convoy("retry", "--failed", "--task", "rich", "--json").data["retried"] == []
    assert convoy("retry", "--failed", "--task", "fail", "--json").data["retried"] == [failed[0]]
    assert convoy("retry", "--failed").out.startswith("0 jobs are")


def test_all_that_failed_where_nothing_is_kept(convoy, settings, run_jobs):
    use(settings, store="none")
    result = fail.enqueue("x")
    run_jobs()
    assert convoy("retry", "--failed", "--json").data["retried"] == [result.id]


def test_more_than_one_batch_of_failures(convoy, run_jobs, monkeypatch):
    monkeypatch.setattr("django_convoy.insight.control.BATCH", 2)
    ids = list(fail.enqueue_many(["x"] * 5))
    run_jobs()
    assert convoy("retry", "--failed", "--json").data["retried"] == ids


def test_what_cannot_be_retried_is_refused_with_the_reason(convoy, run_jobs):
    good = add.enqueue(1)
    run_jobs()
    held, ready = add.enqueue(1), add.using(priority=-1).enqueue(2)
    hold()
    for job_id, words in [
        (good.id, "succeeded"),
        (held.id, "is held by web-1.3"),
        (ready.id, "is ready already"),
        ("x" * 32, "there is no job"),
    ]:
        answer = convoy("retry", job_id)
        assert answer.status == 1
        assert words in answer.err
    assert convoy("retry", good.id, "--json").data["refused"] == {good.id: _refusal(good.id)}


def _refusal(job_id):
    return f"job {job_id} succeeded: enqueue its task again if it is to run again"


@pytest.mark.django_db
def test_another_namespaces_jobs_cannot_be_touched(convoy, settings):
    result = add.using(run_after=timedelta(hours=1)).enqueue(1)
    use(settings, namespace="red")
    assert "there is no job" in convoy("retry", result.id).err
    assert "there is no job" in convoy("cancel", result.id).err
    convoy("cancel", "--queue", "default")
    convoy("purge", "default", "--no-input")
    use(settings)
    assert broker().find(result.id).state == "delayed"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("retry",), "name jobs by their ids, or say --failed"),
        (("retry", "x", "--failed"), "name jobs"),
        (("retry", "x", "--queue", "mail"), "go with --failed"),
        (("cancel",), "or a queue with --queue"),
        (("cancel", "x", "--queue", "mail"), "or a queue"),
        (("purge",), "name a queue, or say --finished"),
        (("purge", "mail", "--finished"), "name a queue"),
        (("purge", "--finished"), "go together"),
        (("purge", "mail", "--older-than", "1d"), "go together"),
        (("purge", "--finished", "--older-than", "old"), "is not a span"),
        (("purge", "--finished", "--older-than", "999999d"), "more than a thousand years"),
        (("purge", "mail", "--queue", "post"), "two queues are named"),
        (("workers", "stop"), "name workers, or say --all"),
        (("workers", "list", "--all"), "go with `workers stop`"),
    ],
)
def test_half_a_command_is_refused(convoy, arguments, words):
    with pytest.raises(CommandError, match=re.escape(words)):
        convoy(*arguments)


# Cancel


@EVERY_BROKER
def test_a_cancelled_job_does_not_run_and_says_so(convoy, settings, run_jobs, options):
    use(settings, **options)
    result = add.enqueue(1)
    assert "1 job cancelled" in convoy("cancel", result.id, "--reason", "no longer wanted").out
    assert run_jobs() == []
    found = add.get_result(result.id)
    assert (found.status, found.detail) == (TaskResultStatus.FAILED, "CANCELLED")
    assert found.message == "no longer wanted"
    assert (found.attempts, found.started_at) == (0, None)
    assert found.errors[0].exception_class.__name__ == "JobInterrupted"


@EVERY_BROKER
def test_a_whole_queue_is_cancelled_but_what_runs(convoy, settings, db, options):
    use(settings, **options)
    running = add.using(priority=9).enqueue(0)
    hold()
    add.enqueue_many([1, 2, 3])
    add.using(run_after=timedelta(hours=1)).enqueue(4)
    other = rich.enqueue("x")
    assert convoy("cancel", "--queue", "default", "--json").data["cancelled"] == 4
    counts = broker().counts("default")
    assert (counts.ready, counts.delayed, counts.leased) == (0, 0, 1)
    assert broker().find(running.id).state == "leased"
    assert broker().find(other.id).state == "ready"
    assert len(convoy("jobs", "--status", "CANCELLED", "--json").data["finished"]) == 4


def test_what_runs_or_is_over_is_not_cancelled(convoy, run_jobs):
    over = add.enqueue(1)
    run_jobs()
    held = add.enqueue(2)
    hold()
    assert "is over: SUCCESSFUL" in convoy("cancel", over.id).err
    answer = convoy("cancel", held.id)
    assert answer.status == 1
    assert "is held by web-1.3: it cannot be cancelled" in answer.err


def test_a_cancelled_job_may_be_retried(convoy, run_jobs):
    result = add.enqueue(1)
    convoy("cancel", result.id)
    convoy("retry", result.id)
    run_jobs()
    assert add.get_result(result.id).return_value == 1


# Purge


@EVERY_BROKER
def test_purge_deletes_what_nobody_holds_without_a_record(convoy, settings, db, options):
    use(settings, **options)
    held, gone = add.using(priority=9).enqueue(0), add.enqueue(1)
    hold()
    assert convoy("purge", "default", "--no-input", "--json").data == {"deleted": 1}
    assert broker().find(gone.id) is None
    assert broker().find(held.id) is not None


@pytest.mark.django_db
def test_purge_takes_its_queue_in_both_ways(convoy):
    add.enqueue(1)
    rich.enqueue("x")
    assert convoy("purge", "--queue", "mail", "--no-input", "--json").data == {"deleted": 1}
    assert convoy("purge", "default", "--no-input", "--json").data == {"deleted": 1}


@pytest.mark.django_db
def test_a_queue_where_an_id_belongs_is_answered_with_the_flag(convoy):
    rich.enqueue("x")
    assert "for a queue say --queue mail)" in convoy("cancel", "mail").err
    assert "for a queue say --failed --queue mail)" in convoy("retry", "mail").err


@pytest.mark.django_db
@pytest.mark.parametrize(("said", "left"), [("y", 0), ("no", 1), ("", 1), (EOFError, 1)])
def test_purge_asks(convoy, monkeypatch, said, left):
    asked = []

    def answer(question):
        asked.append(question)
        if said is EOFError:
            raise EOFError
        return said

    monkeypatch.setattr("builtins.input", answer)
    add.enqueue(1)
    status = convoy("purge", "default").status
    assert "Delete all jobs of queue 'default' that nobody holds?" in asked[0]
    assert broker().counts("default").ready == left
    assert status == left


def test_old_records_are_purged_of_this_namespace_only(convoy, settings, run_jobs):
    result = add.enqueue(1)
    run_jobs()
    assert convoy("purge", "--finished", "--older-than", "1h", "--no-input").out == "Deleted: 0.\n"
    use(settings, namespace="red")
    assert convoy("purge", "--finished", "--older-than", "0s", "--no-input").out == "Deleted: 0.\n"
    use(settings)
    assert convoy("purge", "--finished", "--older-than", "0s", "--no-input").out == "Deleted: 1.\n"
    assert "there is no job" in convoy("retry", result.id).err


@pytest.mark.parametrize("other", ["blue", "Blu_"])
def test_a_namespace_that_is_nearly_the_same_is_another(convoy, settings, run_jobs, other):
    use(settings, namespace="Blue")
    result = add.enqueue(1)
    run_jobs()
    use(settings, namespace=other)
    assert convoy("jobs", "--json").data["finished"] == []
    assert convoy("purge", "--finished", "--older-than", "0s", "--no-input").out == "Deleted: 0.\n"
    use(settings, namespace="Blue")
    assert [one["id"] for one in convoy("jobs", "--json").data["finished"]] == [result.id]


@pytest.mark.django_db
def test_a_store_without_a_table_has_no_records_to_purge(convoy, settings):
    use(settings, store="none")
    with pytest.raises(CommandError, match="no records that can be listed"):
        convoy("purge", "--finished", "--older-than", "0s", "--no-input")


@pytest.mark.django_db
def test_where_jobs_cannot_be_listed_it_says_so_and_what_is_left(convoy, settings):
    use(settings, broker="tests.limited.UnseenBroker")
    job_id = add.enqueue(1).id
    for command in (["cancel", job_id], ["cancel", "--queue", "default"], ["jobs"]):
        with pytest.raises(CommandError, match=r"cannot list its jobs, .*`convoy purge QUEUE`"):
            convoy(*command)
    assert convoy("purge", "default", "--no-input", "--json").data["deleted"] == 1
