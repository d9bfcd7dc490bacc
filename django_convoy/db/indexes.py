"""Indexes of one state: partial where the database can, else led by what the condition asks."""

from collections.abc import Sequence
from typing import Any

from django.db import models


class PartialIndex(models.Index):
    """An index of the rows that fit `partial`.

    Django leaves an index with a condition out where there are no partial ones (MySQL, MariaDB,
    Oracle). A claim without an index locks every row it walks, and the next worker sees an empty
    queue; so there the columns of `full` are indexed, for all rows.
    """

    def __init__(self, *, partial: models.Q, full: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.partial = partial
        self.full = tuple(full)

    def deconstruct(self) -> Any:
        """Return what a migration writes down."""
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "partial": self.partial, "full": self.full}

    def create_sql(
        self, model: type[models.Model], schema_editor: Any, using: str = "", **kwargs: Any
    ) -> Any:
        """Return the statement for this database."""
        if schema_editor.connection.features.supports_partial_indexes:
            index = models.Index(fields=self.fields, name=self.name, condition=self.partial)
        else:
            index = models.Index(fields=self.full, name=self.name)
        return index.create_sql(model, schema_editor, using, **kwargs)
