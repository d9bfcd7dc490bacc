"""Serializers turn arguments and results into text and back."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class Serializer(ABC):
    """One way to write values as text. Reading what it wrote gives equal values."""

    tag: ClassVar[str]
    """One character in the seal; it chooses the reader."""

    @abstractmethod
    def dumps(self, value: Any) -> str:
        """Return text. Raises PayloadError that names the value and its place."""

    @abstractmethod
    def loads(self, text: str) -> Any:
        """Return the value. Raises PayloadError for what is not its own."""

    def is_inert(self, text: str) -> bool:
        """Return whether `loads` only reads the text: no database, no code of the site."""
        return False
