"""Enqueues in transactions until it is killed: `python -m tests.worker.project.shopper FIRST`.

Each has a row and a job of the same number, or many of them; each fourth is rolled back.
"""

import random
import sys

import django

django.setup()

from django.db import transaction  # noqa: E402

from tests.app.models import Note  # noqa: E402
from tests.worker.project.tasks import count  # noqa: E402

STEP = 30


def main(first: int) -> None:
    for start in range(first, first + 100_000, STEP):
        numbers = range(start, start + random.choice([1, 1, 2, STEP]))
        with transaction.atomic():
            for number in numbers:
                Note.objects.create(text="bought", number=number)
            if len(numbers) == STEP:
                count.enqueue_many([(number,) for number in numbers])
            else:
                for number in numbers:
                    count.enqueue(number)
            transaction.set_rollback(start // STEP % 4 == 3)


if __name__ == "__main__":
    main(int(sys.argv[1]))
