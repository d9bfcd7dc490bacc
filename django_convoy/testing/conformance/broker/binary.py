"""Promise: every byte, and every character that is none, comes out as it went in."""

import base64

from django_convoy.testing.conformance.broker.case import BrokerCase


class Binary(BrokerCase):
    """What text formats have traps for."""

    def test_every_byte_comes_back_as_it_is_written(self) -> None:
        text = base64.b64encode(bytes(range(256)) * 8).decode("ascii")
        self.broker.push([self.envelope(payload=text, seal=f"1p-:{text[:44]}")])
        assert self.claim_one().envelope.payload == text

    def test_control_characters_come_back(self) -> None:
        # All but NUL, which no JSON has unescaped; \ufffe and \uffff are no characters, but text.
        text = "".join(map(chr, range(1, 0xA1))) + "\r\n\t\\N\\.\u2028\u2029\ufeff\ufffe\uffff"
        self.broker.push([self.envelope(payload=text) for _ in range(2)])
        assert [lease.envelope.payload for lease in self.claim()] == [text, text]
