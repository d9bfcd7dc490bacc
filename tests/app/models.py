"""What tasks of the test site leave behind."""

from django.db import models


class Note(models.Model):
    text = models.TextField(default="")
    number = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.text} ({self.number})"
