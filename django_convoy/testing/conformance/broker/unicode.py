"""Promise: text of every script comes out as it went in."""

from django_convoy.testing.conformance.broker.case import BrokerCase


class Unicode(BrokerCase):
    """Letters of all kinds, in payloads and names."""

    def test_text_of_every_script_comes_back(self) -> None:
        text = '{"args":["Grüße, 日本語, עברית, 🚚👩‍🚀, ﷽, e\u0301, \\u0000, %s %(x)s \'\\"; --"]}'
        self.broker.push([self.envelope(payload=text)])
        assert self.claim_one().envelope.payload == text

    def test_a_long_path_of_a_task_comes_back(self) -> None:
        path = "shop." + "größe_" * 41 + "task"
        envelope = self.envelope(task=path[:255])
        self.broker.push([envelope])
        assert self.claim_one().envelope == envelope
