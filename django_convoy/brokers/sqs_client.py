"""Calls to SQS: the client of this process, several calls at once, and errors in words."""

import importlib.util
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from django_convoy.brokers.sqs_options import SqsOptions
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError

T = TypeVar("T")
R = TypeVar("R")
THREADS = 8
"""Calls of one bulk that are under way at a time: a call is ten jobs and a round trip."""
_SPARE = 4
"""Connections beside those, for the callers' own threads."""
_CREDENTIALS = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_HOW = (
    "give the broker aws_access_key_id and aws_secret_access_key, or a profile; set AWS_* "
    "variables; or run where there is a role"
)


@cache
def _descriptions() -> Any:
    """Return what reads the descriptions of Amazon's services: once for all sessions, and before
    the workers are forked, since that takes longer than all else that they do to begin."""
    from botocore.loaders import Loader  # lazy: as all of it

    return Loader()


class QueueMissing(BrokerUnavailable):
    """There is no such queue on the server."""


class Refused(BrokerUnavailable):
    """The server understood, and said no. code: why, in its words."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class SqsClient:
    """One broker's way to the server. Usable from any thread, and after a fork."""

    def __init__(self, options: SqsOptions) -> None:
        if importlib.util.find_spec("boto3") is None:
            raise ConfigurationError('the SQS broker needs boto3: pip install "django-convoy[sqs]"')
        self._options = options
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._mutex = threading.Lock()
        self._session: Any = None
        self._clients: dict[float, Any] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._worked = False

    def call(self, verb: str, patience: float = 0.0, /, **parameters: Any) -> Any:
        """Return the server's answer. patience: seconds that it may take beyond the usual.

        Raises BrokerUnavailable (QueueMissing, Refused), ConfigurationError.
        """
        if self._pid != os.getpid():
            self._begin()
        try:
            client = self._clients.get(patience) or self._open(patience)
            answer = getattr(client, verb)(**parameters)
        except Exception as error:
            raise self._told(error) from error
        self._worked = True
        return answer

    def each(self, step: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Take a step for each item, several at a time; return what they returned, in order.

        Raises what one raised, once all have ended.
        """
        if len(items) < 2:
            return [step(item) for item in items]
        if self._pid != os.getpid():
            self._begin()
        with self._mutex:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="convoy-sqs")
            futures = [self._pool.submit(step, item) for item in items]
        for future in futures:
            future.exception()
        return [future.result() for future in futures]

    def close(self) -> None:
        """Give back connections and threads."""
        if self._pid == os.getpid():
            with self._mutex:
                pool, clients = self._pool, list(self._clients.values())
                self._pool, self._clients = None, {}
            if pool is not None:
                pool.shutdown()
            for client in clients:
                client.close()

    @property
    def region(self) -> str:
        """The region that is used."""
        client = self._clients.get(0.0) or self._open(0.0)
        return str(client.meta.region_name)

    def _open(self, patience: float) -> Any:
        import boto3.session  # lazy: a tenth of a second, of no use before the first call
        import botocore.session  # lazy: as above
        from botocore.config import Config  # lazy: as above

        options = self._options
        with self._mutex:
            if patience in self._clients:
                return self._clients[patience]
            if self._session is None:
                named = {
                    "region_name": options.region,
                    "profile_name": options.profile,
                    "aws_access_key_id": options.aws_access_key_id,
                    "aws_secret_access_key": options.aws_secret_access_key,
                    "aws_session_token": options.aws_session_token,
                    "aws_account_id": options.aws_account_id,
                }
                given = {name: value for name, value in named.items() if value}
                base = options.botocore_session
                if base is None:
                    base = botocore.session.Session()
                    base.register_component("data_loader", _descriptions())
                self._session = boto3.session.Session(botocore_session=base, **given)
            config = Config(
                connect_timeout=options.timeout,
                read_timeout=options.timeout + patience,
                # Whoever calls knows whether a second try could do a thing twice.
                retries={"total_max_attempts": 1, "mode": "standard"},
                max_pool_connections=THREADS + _SPARE,
                tcp_keepalive=True,
            )
            client = self._session.client(
                "sqs", endpoint_url=options.endpoint_url or None, config=config
            )
            self._clients[patience] = client
            return client

    def _told(self, error: Exception) -> Exception:
        """Return the error in words that say what to do."""
        from botocore import exceptions as botocore  # lazy: loaded with the client
        from botocore.parsers import ResponseParserError  # lazy: as above

        if isinstance(error, BrokerUnavailable | ConfigurationError):
            return error
        if isinstance(error, botocore.ClientError):
            return self._answered(error)
        if isinstance(error, botocore.NoRegionError):
            return ConfigurationError(
                "SQS: no AWS region is known: set region, or AWS_DEFAULT_REGION"
            )
        if isinstance(
            error,
            botocore.NoCredentialsError
            | botocore.PartialCredentialsError
            | botocore.NoAuthTokenError,
        ):
            return ConfigurationError(f"SQS: {error}: {_HOW}")
        if isinstance(
            error,
            botocore.ProfileNotFound
            | botocore.InvalidRegionError
            | botocore.ConfigNotFound
            | botocore.InvalidConfigError
            | botocore.ConfigParseError
            | botocore.ParamValidationError
            | botocore.UnknownServiceError
            | ValueError
            | TypeError,
        ):
            return ConfigurationError(f"SQS: {error}")
        if isinstance(error, botocore.BotoCoreError | ResponseParserError | OSError):
            where = self._options.endpoint_url or "Amazon SQS"
            return BrokerUnavailable(f"{where} does not answer: {error}")
        return error

    def _answered(self, error: Any) -> Exception:
        said = error.response.get("Error", {})
        code = str(said.get("Code", "")).rpartition(".")[2].removesuffix("Fault")
        text = f"SQS refused {error.operation_name}: {said.get('Message') or code} ({code})"
        if code in ("NonExistentQueue", "QueueDoesNotExist"):
            return QueueMissing(text)
        advice = ""
        if code in _CREDENTIALS | _EXPIRED:
            advice = _HOW
        elif code in _DENIED:
            advice = f"the policy of these credentials must allow sqs:{error.operation_name}"
        if not advice:
            return Refused(text, code)
        # Those who have begun to work wait until it is put right, as for a server that is away.
        return (
            Refused(f"{text}: {advice}", code)
            if self._worked
            else (ConfigurationError(f"{text}: {advice}"))
        )


def batches(items: Iterable[T], size: int) -> list[list[T]]:
    """Return the items by the `size`."""
    listed = list(items)
    return [listed[start : start + size] for start in range(0, len(listed), size)]
