"""Opens jobs whose payload may be in a table."""

from django_convoy.core.codec import Call, Codec
from django_convoy.domain.envelope import Envelope
from django_convoy.outbox.spill import Spill


class Opening:
    """As a codec does; a payload that is elsewhere is read for no longer than that."""

    def __init__(self, codec: Codec, spill: Spill) -> None:
        self._codec = codec
        self._spill = spill

    def open(self, envelope: Envelope) -> Call:
        """Return the call. Raises what a codec does, and BrokerUnavailable."""
        return self._codec.open(self._spill.whole(envelope))
