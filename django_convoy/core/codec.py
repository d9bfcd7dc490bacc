"""A call to signed text and back. Verified before it is parsed.

The seal is `VERSION TAG FLAG ":" MAC`: the version of this format, the serializer's tag,
"z" for a compressed payload or "-", and HMAC-SHA256 (RFC 2104) in base64 over head, id,
queue (with its namespace), task and payload. Times, priority and notes are not signed.
"""

import base64
import hashlib
import hmac
import re
import zlib
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django_convoy.contracts.serializer import Serializer
from django_convoy.domain import options as job_options
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import PayloadError, SignatureError, UnknownFields

VERSION = "1"
_FIELDS = frozenset({"args", "kwargs", "options", "must"})
_PART = re.compile(r"^it\['(args|kwargs|options)'\]")
_NOTHING: Mapping[str, Any] = {}


@dataclass(slots=True)
class Call:
    """What is to be called. options: those that this job has instead of its task's."""

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def derive(secret: bytes) -> tuple[str, bytes]:
    """Return (key id, signing key) of a secret; the id tells nothing about the key."""
    key = hashlib.sha256(b"django_convoy.seal:" + secret).digest()
    return hashlib.sha256(b"id:" + key).hexdigest()[:8], key


class Codec:
    """Signs calls and opens envelopes.

    secrets: the keys, the one to sign with first.
    readers: the serializers that may be read, by tag; others are refused.
    """

    def __init__(
        self,
        secrets: Sequence[bytes],
        writer: Serializer,
        readers: Sequence[Serializer],
        compress_above: int | None,
    ) -> None:
        # A keyed hash that is copied for each job costs half of making one.
        self._keys = {
            key_id: hmac.new(key, digestmod="sha256") for key_id, key in map(derive, secrets)
        }
        self._signing = next(iter(self._keys.items()))
        self._writer = writer
        self._readers = {reader.tag: reader for reader in (*readers, writer)}
        self._compress_above = compress_above

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""
        return self._signing[0]

    def seal(self, job_id: str, queue: str, task: str, call: Call) -> tuple[str, str, str]:
        """Return (payload, seal, key id) of a call. Raises PayloadError."""
        body: dict[str, Any] = {"args": call.args, "kwargs": call.kwargs}
        if call.options:
            body["options"] = call.options
        try:
            payload, flag = self._writer.dumps(body), "-"
        except PayloadError as error:
            told = _PART.sub(r"\1", str(error))
            raise PayloadError(f"{task}: {told}") from error
        if self._compress_above is not None and len(payload) > self._compress_above:
            packed = base64.b64encode(zlib.compress(payload.encode("utf-8", "surrogatepass")))
            payload, flag = packed.decode("ascii"), "z"
        key_id, key = self._signing
        head = f"{VERSION}{self._writer.tag}{flag}"
        return payload, f"{head}:{_mac(key, head, job_id, queue, task, payload)}", key_id

    def seal_again(self, envelope: Envelope, job_id: str) -> tuple[str, str]:
        """Return (seal, key id) of the same call under another id; the payload stays unread.

        Raises SignatureError, UnknownFields.
        """
        head = self._verify(envelope)
        key_id, key = self._signing
        mac = _mac(key, head, job_id, envelope.queue, envelope.task, envelope.payload)
        return f"{head}:{mac}", key_id

    def _verify(self, envelope: Envelope) -> str:
        """Return the head of a seal that is right. Raises SignatureError, UnknownFields."""
        head, _, mac = envelope.seal.partition(":")
        if head[:1] != VERSION or len(head) != 3:
            if head[:1].isdigit() and head[:1] > VERSION:
                raise UnknownFields(f"format {head[:1]} of a newer release")
            raise SignatureError("the job has no seal that Convoy wrote")
        key = self._key(envelope.key_id)
        right = _mac(key, head, envelope.id, envelope.queue, envelope.task, envelope.payload)
        if not _same(right, mac):
            raise SignatureError("the signature does not fit the job: it was changed or forged")
        return head

    def open(self, envelope: Envelope) -> Call:
        """Return the call.

        Raises SignatureError, UnknownFields (a newer release wrote it), PayloadError.
        """
        head = self._verify(envelope)
        reader = self._readers.get(head[1])
        if reader is None:
            raise SignatureError(
                f"the job is written with serializer {head[1]!r}, which is not accepted here; "
                "see OPTIONS['accept']"
            )
        if head[2] not in "z-":
            raise UnknownFields(f"the payload's form {head[2]!r} of a newer release")
        payload = envelope.payload
        try:
            if head[2] == "z":
                packed = zlib.decompress(base64.b64decode(payload))
                payload = packed.decode("utf-8", "surrogatepass")
            body = reader.loads(payload)
            args, kwargs = body["args"], body["kwargs"]
            must, options = set(body.get("must", ())), body.get("options", _NOTHING)
        except PayloadError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, zlib.error) as error:
            raise PayloadError(f"this is no call that Convoy wrote: {error!r}") from error
        unknown = (must - _FIELDS - job_options.NAMES) | (set(options) - job_options.NAMES)
        if unknown:
            raise UnknownFields(f"{', '.join(sorted(unknown))} of a newer release")
        return Call(args, kwargs, options)

    def is_inert(self, envelope: Envelope) -> bool:
        """Return whether opening it now or later is the same: it reads nothing but itself."""
        reader = self._readers.get(envelope.seal[1:2])
        if reader is None or envelope.seal[2:3] != "-":
            return False
        return reader.is_inert(envelope.payload)

    def dump_result(self, job_id: str, value: Any) -> str:
        """Return a result as text. Raises PayloadError."""
        if value is None:
            return "null"
        try:
            text = self._writer.dumps(value)
        except PayloadError as error:
            raise PayloadError(f"the result: {error}") from error
        if self._writer.tag == "j":
            return text
        key_id, key = self._signing
        return f"#{self._writer.tag}{key_id}:{_mac(key, 'result', job_id, '', '', text)}:{text}"

    def load_result(self, job_id: str, text: str) -> Any:
        """Return what `dump_result` was given. Raises SignatureError, PayloadError."""
        if not text.startswith("#"):
            return self._readers["j"].loads(text)
        head, _, rest = text[1:].partition(":")
        mac, _, payload = rest.partition(":")
        if not _same(_mac(self._key(head[1:]), "result", job_id, "", "", payload), mac):
            raise SignatureError("the signature does not fit the result")
        if head[0] not in self._readers:
            raise SignatureError(f"serializer {head[0]!r} is not accepted here")
        return self._readers[head[0]].loads(payload)

    def _key(self, key_id: str) -> hmac.HMAC:
        key = self._keys.get(key_id)
        if key is not None:
            return key
        raise SignatureError(
            f"signed with the unknown key {key_id!r}: put the old SECRET_KEY into "
            "SECRET_KEY_FALLBACKS, or run the job's own site"
        )


def _same(right: str, given: str) -> bool:
    return hmac.compare_digest(right.encode(), given.encode("utf-8", "surrogatepass"))


def _mac(key: hmac.HMAC, *parts: str) -> str:
    keyed = key.copy()
    try:
        keyed.update("\0".join(parts).encode())
    except UnicodeEncodeError:
        raise PayloadError("text with lone surrogates cannot be stored; encode it first") from None
    return b2a_base64(keyed.digest(), newline=False).decode("ascii")
