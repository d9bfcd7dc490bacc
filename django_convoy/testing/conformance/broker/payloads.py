"""Promise: a job comes out as it went in."""

from datetime import UTC, datetime, timedelta, timezone

from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of


class Payloads(BrokerCase):
    """What envelopes carry."""

    def test_every_field_comes_back(self) -> None:
        envelope = self.envelope(
            task="shop.tasks.ship",
            payload='{"args":["a"],"kwargs":{"b":2}}',
            seal="1p-:AAAA",
            key_id="deadbeef",
            priority=-100,
            enqueued_at=datetime(2026, 3, 29, 1, 59, 59, 999_999, UTC),
            due=datetime(2026, 3, 29, 2, 0, 0, 1, UTC),
        )
        self.broker.push([envelope])
        assert self.claim_one().envelope == envelope

    def test_times_of_other_zones_stay_the_same_moment(self) -> None:
        there = timezone(timedelta(hours=5, minutes=45))
        at = datetime(2026, 10, 25, 2, 30, 0, 7, there)
        self.broker.push([self.envelope(enqueued_at=at, due=at)])
        envelope = self.claim_one().envelope
        assert (envelope.enqueued_at, envelope.due) == (at, at)
        assert envelope.enqueued_at.tzinfo is not None

    def test_an_empty_payload_comes_back(self) -> None:
        self.broker.push([self.envelope(payload="", seal="", key_id="")])
        envelope = self.claim_one().envelope
        assert (envelope.payload, envelope.seal, envelope.key_id) == ("", "", "")

    def test_the_extremes_of_numbers_and_times_come_back(self) -> None:
        for year in (1971, 2199):
            at = datetime(year, 12, 31, 23, 59, 59, 999_999, UTC)
            envelope = self.envelope(priority=100, enqueued_at=at)
            self.broker.push([envelope])
            assert self.claim_one().envelope == envelope

    def test_a_closed_broker_can_be_used_again(self) -> None:
        pushed = self.push()
        self.broker.close()
        assert ids_of(self.claim()) == pushed
