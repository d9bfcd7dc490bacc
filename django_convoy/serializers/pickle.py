"""Pickle, for sites that ask for it: only read after its signature was found right."""

import base64
import pickle
from typing import Any

from django_convoy.contracts.serializer import Serializer
from django_convoy.domain.errors import PayloadError


class PickleSerializer(Serializer):
    """Carries what pickle carries, as base64."""

    tag = "p"

    def dumps(self, value: Any) -> str:
        """Return base64 of the pickle."""
        try:
            data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # pickling runs the values' own code
            raise PayloadError(f"this cannot be pickled: {error}") from error
        return base64.b64encode(data).decode("ascii")

    def loads(self, text: str) -> Any:
        """Return the value."""
        try:
            return pickle.loads(base64.b64decode(text))  # noqa: S301 - signature was verified
        except Exception as error:  # unpickling runs the values' own code
            raise PayloadError(f"this cannot be unpickled here: {error}") from error
