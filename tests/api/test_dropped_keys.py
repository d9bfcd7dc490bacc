"""What became of a job can be told, also when nobody can verify what was to be called."""

import pytest
from django.test import override_settings

from django_convoy.framework import TaskResultStatus
from tests.app.tasks import add
from tests.working import work


@pytest.mark.django_db(transaction=True)
def test_a_result_outlives_the_key_that_its_job_was_signed_with():
    result = add.enqueue(1, b=2)
    work()
    with override_settings(SECRET_KEY="another key", SECRET_KEY_FALLBACKS=[]):
        found = add.get_result(result.id)
    assert found.status == TaskResultStatus.SUCCESSFUL
    assert found.return_value == 3
    assert found.args == []


@pytest.mark.django_db(transaction=True)
def test_a_job_with_a_wrong_signature_is_set_aside_with_the_reason():
    with override_settings(SECRET_KEY="somebody else's"):
        result = add.enqueue(1, b=2)
    work()
    found = add.get_result(result.id)
    assert found.status == TaskResultStatus.FAILED
    assert found.detail == "QUARANTINED"
    assert "unknown key" in found.message
    assert found.worker_ids == []
