"""Promise: a job comes out as it went in."""

from datetime import UTC, datetime, timedelta, timezone

from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of

BIG = 1_000_000


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

    def test_text_of_every_script_comes_back(self) -> None:
        text = '{"args":["Grüße, 日本語, עברית, 🚚👩‍🚀, ﷽, e\u0301, \\u0000, %s %(x)s \'\\"; --"]}'
        self.broker.push([self.envelope(payload=text)])
        assert self.claim_one().envelope.payload == text

    def test_a_large_job_comes_back(self) -> None:
        text = '{"args":["' + "ü" * (self.sized(BIG) // 2) + '"]}'
        self.broker.push([self.envelope(payload=text)])
        assert self.claim_one().envelope.payload == text

    def test_a_batch_of_large_jobs_comes_back(self) -> None:
        size = self.sized(100_000)
        self.broker.push([self.envelope(payload=f'"{n}{"x" * size}"') for n in range(20)])
        claimed = self.claim(20)
        assert [lease.envelope.payload[:3] for lease in claimed] == [
            f'"{n}'.ljust(3, "x") for n in range(20)
        ]
        assert len(set(ids_of(claimed))) == 20

    def test_a_closed_broker_can_be_used_again(self) -> None:
        pushed = self.push()
        self.broker.close()
        assert ids_of(self.claim()) == pushed
