"""Everything that Django promises of a task backend holds for ConvoyBackend."""

from django.test import TestCase, override_settings

from tests.django_suite import sdist

sdist.install()

from tasks import test_dummy_backend as dummy  # noqa: E402 - there after `install`
from tasks import test_tasks as base  # noqa: E402

from tests.django_suite.attach import borrowed  # noqa: E402

BACKEND = "tests.django_suite.backends.InspectedBackend"
IMMEDIATE = "django.tasks.backends.immediate.ImmediateBackend"

IS_DUMMY = "asserts that the backend is Django's DummyBackend"
RICHER = "asserts that a datetime is refused as an argument; Convoy's JSON carries it"
SYNC = "calls a method that reads the database in `async def`, which Django's ORM refuses"
MUTATES = "changes the DummyBackend's own copy of a result; ours are read from the database"


@override_settings(
    TASKS={
        "default": {"BACKEND": BACKEND, "QUEUES": ["default", "queue_1"]},
        "immediate": {"BACKEND": IMMEDIATE, "QUEUES": []},
        "missing": {"BACKEND": "does.not.exist"},
    },
    USE_TZ=True,
)
class ConvoyTaskTestCase(TestCase):
    locals().update(
        borrowed(
            base.TaskTestCase,
            {
                "test_using_correct_backend": IS_DUMMY,
                "test_get_backend": IS_DUMMY,
                "test_enqueue_task_async": SYNC,
                "test_refresh_result": SYNC,
                "test_get_missing_result": SYNC,
                "test_enqueue_with_invalid_argument": RICHER,
                "test_aenqueue_with_invalid_argument": RICHER,
            },
        )
    )


@override_settings(TASKS={"default": {"BACKEND": BACKEND, "QUEUES": []}})
class ConvoyBackendTestCase(TestCase):
    locals().update(
        borrowed(
            dummy.DummyBackendTestCase,
            {
                "test_using_correct_backend": IS_DUMMY,
                "test_enqueue_task_async": SYNC,
                "test_get_missing_result": SYNC,
                "test_refresh_result": MUTATES,
                "test_refresh_result_async": MUTATES,
            },
        )
    )
