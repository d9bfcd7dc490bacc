"""Everything that Django promises of its own doubles holds for Convoy's."""

from django.test import SimpleTestCase, override_settings

from tests.django_suite import sdist

sdist.install()

from tasks import test_dummy_backend as dummy  # noqa: E402 - there after `install`
from tasks import test_immediate_backend as immediate  # noqa: E402
from tasks import test_tasks as base  # noqa: E402

from tests.django_suite.attach import borrowed  # noqa: E402

DUMMY = "django_convoy.testing.doubles.DummyBackend"
IMMEDIATE = "django_convoy.testing.doubles.ImmediateBackend"

RICHER = "asserts that a datetime is refused as an argument; Convoy's JSON carries it"
DEFERS = "asserts that run_after is refused; a task that says so runs at once here"
WORDS = "asserts the words of Django's serializer for a value that cannot be carried"


@override_settings(
    TASKS={
        "default": {"BACKEND": DUMMY, "QUEUES": ["default", "queue_1"]},
        "immediate": {"BACKEND": IMMEDIATE, "QUEUES": []},
        "missing": {"BACKEND": "does.not.exist"},
    },
    USE_TZ=True,
)
class DoublesTaskTestCase(SimpleTestCase):
    setUp = base.TaskTestCase.setUp
    locals().update(
        borrowed(
            base.TaskTestCase,
            {
                "test_enqueue_with_invalid_argument": RICHER,
                "test_aenqueue_with_invalid_argument": RICHER,
            },
        )
    )


@override_settings(TASKS={"default": {"BACKEND": DUMMY, "QUEUES": []}})
class DummyDoubleTestCase(SimpleTestCase):
    setUp = dummy.DummyBackendTestCase.setUp
    locals().update(borrowed(dummy.DummyBackendTestCase, {}))


@override_settings(TASKS={"default": {"BACKEND": IMMEDIATE, "QUEUES": []}})
class ImmediateDoubleTestCase(SimpleTestCase):
    locals().update(
        borrowed(
            immediate.ImmediateBackendTestCase,
            {
                "test_cannot_pass_run_after": DEFERS,
                "test_complex_return_value": WORDS,
            },
        )
    )
