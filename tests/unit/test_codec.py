"""No unsigned job runs: what was not signed as it is, or cannot be read, is refused in words."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from django_convoy.core.codec import Call, Codec
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import PayloadError, SignatureError, UnknownFields
from django_convoy.serializers.json import JSONSerializer
from django_convoy.serializers.pickle import PickleSerializer

JSON, PICKLE = JSONSerializer(), PickleSerializer()
ALLOWED = (SignatureError, UnknownFields, PayloadError)


def codec(*secrets, writer=JSON, readers=(JSON,), compress_above=None) -> Codec:
    return Codec([one.encode() for one in secrets or ("secret",)], writer, readers, compress_above)


def sealed(by: Codec, call: Call | None = None, **fields) -> Envelope:
    job_id, queue, task = ids.job_id(), "ns:mail", "shop.tasks.ship"
    payload, seal, key_id = by.seal(job_id, queue, task, call or Call([1, "ü"], {"x": {"$": 1}}))
    envelope = Envelope(job_id, queue, task, payload, seal, key_id, 0, clock.now())
    return replace(envelope, **fields)


def forged(body: str, by: Codec | None = None, **options) -> Envelope:
    """A body that was signed, as another release or a bug might have written it."""

    class Writer(JSONSerializer):
        def dumps(self, value):
            return body

    return sealed(codec(writer=Writer(), **options))


def test_a_call_comes_back():
    call = Call([1, "ü"], {"x": {"$": 1}}, {"retries": 3})
    found = codec().open(sealed(codec(), call))
    assert (found.args, found.kwargs, found.options) == (call.args, call.kwargs, call.options)


def test_a_job_is_readable_as_it_lies_there():
    assert sealed(codec()).payload.startswith('{"args":[1,"ü"],"kwargs":')


@pytest.mark.parametrize("field", ["id", "queue", "task", "payload", "seal", "key_id"])
def test_a_change_of_any_signed_field_is_seen(field):
    envelope = sealed(codec())
    value = getattr(envelope, field)
    changes = [value[:-1], value + " ", value.swapcase(), "", value[1:], f"{value}\0", "\udcff"]
    changes += [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value))]
    for changed in changes:
        if changed != value:
            with pytest.raises(ALLOWED):
                codec().open(replace(envelope, **{field: changed}))


def test_what_may_change_after_enqueueing_is_not_signed():
    now = clock.now()
    envelope = replace(sealed(codec()), priority=9, enqueued_at=now, due=now)
    assert codec().open(envelope).args == [1, "ü"]


def test_parts_do_not_run_into_each_other():
    envelope = sealed(codec())
    with pytest.raises(SignatureError):
        codec().open(replace(envelope, queue="ns:mailshop", task=".tasks.ship"))


def test_a_seal_fits_one_job_only():
    one, other = sealed(codec()), sealed(codec())
    with pytest.raises(SignatureError, match="changed or forged"):
        codec().open(replace(one, seal=other.seal))


def test_jobs_of_another_key_are_refused_with_what_to_do():
    with pytest.raises(SignatureError, match="SECRET_KEY_FALLBACKS"):
        codec("new").open(sealed(codec("old")))


def test_jobs_of_a_former_key_are_read():
    assert codec("new", "older", "old").open(sealed(codec("old"))).args == [1, "ü"]


def test_new_jobs_are_signed_with_the_first_key():
    new = sealed(codec("new", "old"))
    assert codec("new").open(new).args == [1, "ü"]
    with pytest.raises(SignatureError):
        codec("old").open(new)


def test_the_key_id_does_not_give_the_key_away():
    envelope = sealed(codec("secret"))
    assert "secret" not in f"{envelope.key_id}{envelope.seal}"
    assert envelope.key_id == sealed(codec("secret")).key_id != sealed(codec("secre")).key_id


@given(
    some.text(max_size=60),
    some.text(max_size=60),
    some.sampled_from(["", "1j-", "1jz", "1p-", "2j-", "1", "1j-x"]),
)
def test_hostile_envelopes_raise_nothing_else(payload, text, head):
    good = sealed(codec())
    for seal in (text, f"{head}:{text}", f"{head}{good.seal[3:]}"):
        for key_id in (good.key_id, text):
            with pytest.raises(ALLOWED):
                codec().open(replace(good, payload=payload, seal=seal, key_id=key_id))


class TestCompression:
    """Payloads above a size are packed."""

    def test_small_ones_are_not(self):
        assert sealed(codec(compress_above=10_000)).seal.startswith("1j-:")

    def test_large_ones_are_and_come_back(self):
        call = Call(["ü" * 20_000])
        envelope = sealed(codec(compress_above=10_000), call)
        assert envelope.seal.startswith("1jz:")
        assert len(envelope.payload) < 1000
        assert codec().open(envelope).args == call.args

    def test_unpacked_ones_are_not_taken_for_packed_ones(self):
        envelope = sealed(codec())
        with pytest.raises(SignatureError):
            codec().open(replace(envelope, seal=envelope.seal.replace("1j-", "1jz")))


class TestPickle:
    """It runs code when it is read, so it is read only where that was asked for."""

    def test_it_is_refused_unless_accepted(self):
        envelope = sealed(codec(writer=PICKLE), Call([{1, 2}]))
        with pytest.raises(SignatureError, match=r"serializer 'p'.*OPTIONS\['accept'\]"):
            codec().open(envelope)
        assert codec(readers=(JSON, PICKLE)).open(envelope).args == [{1, 2}]

    def test_it_is_not_read_before_its_signature_was(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return (tmp_path.joinpath("boom").touch, ())

        accepting = codec(readers=(JSON, PICKLE))
        stranger = sealed(codec("other", writer=PICKLE), Call([Bomb()]))
        with pytest.raises(SignatureError):
            accepting.open(stranger)
        with pytest.raises(SignatureError):
            accepting.open(replace(stranger, key_id=sealed(codec()).key_id))
        with pytest.raises(SignatureError):
            accepting.load_result("a", f"#p{sealed(codec()).key_id}:x:{PICKLE.dumps(Bomb())}")
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_unpickled_here_is_a_payload_error(self):
        class Writer(PickleSerializer):
            def dumps(self, value):
                return base64.b64encode(b"cno.module\nThing\n.").decode()

        accepting = codec(writer=Writer(), readers=(JSON, PICKLE))
        with pytest.raises(PayloadError, match="No module named 'no'"):
            accepting.open(sealed(accepting))


class TestOtherReleases:
    """What a newer release wrote is left for it; what nobody understands is said so."""

    @pytest.mark.parametrize("head", ["2j-", "3", "9zzzz"])
    def test_a_newer_format_is_left(self, head):
        envelope = sealed(codec())
        with pytest.raises(UnknownFields, match="newer release"):
            codec().open(replace(envelope, seal=head + envelope.seal[3:]))

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ('{"args":[],"kwargs":{},"must":["parents"],"parents":[1]}', "parents"),
            ('{"args":[],"kwargs":{},"options":{"rate":1}}', "rate"),
            ('{"args":[],"kwargs":{},"options":{"args":1}}', "args"),
        ],
    )
    def test_a_field_that_must_be_understood_is_named(self, body, named):
        with pytest.raises(UnknownFields, match=named):
            codec().open(forged(body))

    def test_a_field_that_need_not_be_understood_is_skipped(self):
        assert codec().open(forged('{"args":[7],"kwargs":{},"colour":"red"}')).args == [7]

    @pytest.mark.parametrize(
        "body", ["", "[]", "7", "null", "{}", '{"args":[]}', '{"args":1,"kwargs":{},"must":7}']
    )
    def test_what_is_no_call_is_a_payload_error(self, body):
        with pytest.raises(PayloadError):
            codec().open(forged(body))


class TestResults:
    """Results are text as well; pickled ones are signed."""

    @pytest.mark.parametrize("value", [None, 0, "ü", [1, {"$": 2}], {"a": None}])
    def test_a_result_comes_back(self, value):
        for writer in (JSON, PICKLE):
            one = codec(writer=writer)
            assert one.load_result("id", one.dump_result("id", value)) == value

    def test_a_pickled_result_of_another_job_is_refused(self):
        one = codec(writer=PICKLE)
        with pytest.raises(SignatureError):
            one.load_result("other", one.dump_result("id", {1}))

    def test_a_pickled_result_is_refused_unless_accepted(self):
        with pytest.raises(SignatureError, match="not accepted"):
            codec().load_result("id", codec(writer=PICKLE).dump_result("id", {1}))

    @given(some.text(max_size=40))
    def test_hostile_results_raise_nothing_else(self, text):
        for tried in (f"#{text}", f"#p{text}", f"#p{sealed(codec()).key_id}:{text}"):
            with pytest.raises(ALLOWED):
                codec(readers=(JSON, PICKLE)).load_result("id", tried)


class TestRefusals:
    """What cannot be carried is named as the caller wrote it."""

    def test_arguments(self):
        with pytest.raises(PayloadError, match=r"^shop.tasks.ship: args\[1\]\['x'\] is a builtins"):
            sealed(codec(), Call([0, {"x": object()}]))
        with pytest.raises(PayloadError, match=r"^shop.tasks.ship: kwargs\['order'\] is NaN"):
            sealed(codec(), Call((), {"order": float("nan")}))

    def test_results(self):
        with pytest.raises(PayloadError, match=r"^the result: it\[0\] is a builtins.object"):
            codec().dump_result("id", [object()])
