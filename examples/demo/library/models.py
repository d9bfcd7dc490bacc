"""What was found in the modules, and who read them."""

from django.db import models


class Module(models.Model):
    """One file of the standard library, read."""

    name = models.CharField(max_length=200, unique=True)
    lines = models.PositiveIntegerField()
    functions = models.PositiveIntegerField()
    classes = models.PositiveIntegerField()
    imports = models.JSONField(help_text="top-level names")
    longest_function = models.CharField(max_length=200)
    longest_function_lines = models.PositiveIntegerField()
    reads = models.PositiveIntegerField(default=1, help_text="how many runs came to the end")

    def __str__(self) -> str:
        return self.name


class Reader(models.Model):
    """A worker process. worker: as Convoy calls it."""

    worker = models.CharField(max_length=100, unique=True)
    pid = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.worker


class Summary(models.Model):
    """What the last job made of all modules."""

    modules = models.PositiveIntegerField()
    facts = models.JSONField()

    def __str__(self) -> str:
        return f"{self.modules} modules"
