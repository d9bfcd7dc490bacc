"""From a user's options to a place: which server, how it is reached, under which prefix."""

import inspect
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from django_convoy.clients.redis_client import redis
from django_convoy.domain.errors import ConfigurationError
from django_convoy.domain.suggest import unknown

logger = logging.getLogger("django_convoy.clients")
TIMEOUT = 5.0
"""Seconds without an answer after which a server is taken to be gone."""
PREFIX = "convoy"
_PREFIX = re.compile(r"[A-Za-z0-9_.:\-]+")
OWN = ("url", "prefix", "django_redis", "cluster", "startup_nodes", "sentinels", "service_name")
"""Options besides those of `redis.Redis`."""
RENAMED = {"charset": "encoding", "errors": "encoding_errors"}
"""As redis-py called them once."""
KEPT_BY_US = (
    "self",
    "connection_pool",
    "decode_responses",
    "retry",
    "retry_on_error",
    "retry_on_timeout",
    "single_connection_client",
    "max_connections",
    "cache",
    "cache_config",
    "event_dispatcher",
    "legacy_responses",
    "protocol",
    "maint_notifications_config",
    "oss_cluster_maint_notifications_handler",
)
"""Options of `redis.Redis` that are not the user's here."""


@dataclass(frozen=True)
class Place:
    """A server, or the nodes of a cluster, and a prefix of keys there.

    connection: the class that connects. kwargs: what it is made with; those of any node in a
    cluster. nodes: (host, port) of those to ask about a cluster; empty: it is none.
    """

    name: str
    prefix: str
    connection: Any = field(compare=False)
    kwargs: Mapping[str, Any] = field(compare=False, repr=False)
    nodes: tuple[tuple[str, int], ...] = ()
    origin: Any = field(default=None, compare=False, repr=False)
    """Kept for those connections that ask their pool where to go."""


def place_of(**options: Any) -> Place:
    """Return the place that options name. Raises ConfigurationError."""
    given = {_known(name, OWN): value for name, value in options.items()}
    prefix = given.pop("prefix", PREFIX)
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"prefix={prefix!r}: use letters, digits, '_', '.', ':' and '-', at least one"
        )
    try:
        pool, nodes = _pool(given)
    except (ValueError, TypeError, redis.RedisError) as error:
        raise ConfigurationError(f"Redis cannot be reached so: {error}") from error
    # Notices of maintenance come with another protocol than ours.
    theirs = {name: one for name, one in pool.connection_kwargs.items() if "maint" not in name}
    kwargs = {**theirs, **_ours(theirs)}
    try:
        pool.connection_class(**kwargs)  # it connects later
    except (ValueError, TypeError, redis.RedisError) as error:
        raise ConfigurationError(f"Redis cannot be reached so: {error}") from error
    return Place(_name(kwargs, nodes), prefix, pool.connection_class, kwargs, nodes, pool)


def options_of_place() -> set[str]:
    """Return the names of the options."""
    return {*inspect.signature(redis.Redis).parameters, *OWN, *RENAMED} - set(KEPT_BY_US)


def _known(name: str, own: Sequence[str]) -> str:
    """Return what redis-py calls an option. own: which of our options may be meant.

    Raises ConfigurationError.
    """
    if name in KEPT_BY_US:
        raise ConfigurationError(f"{name}: Convoy decides this itself; leave it out")
    known = options_of_place() - (set(OWN) - set(own))
    if name not in known:
        raise ConfigurationError(unknown("option", name, known))
    return RENAMED.get(name, name)


def _read_url(value: Any) -> str:
    """Return a URL whose options are called as redis-py calls them."""
    url = _text("url", value)
    place, _, query = url.partition("?")
    if not query:
        return url
    named = parse_qsl(query, keep_blank_values=True)
    try:
        return f"{place}?" + urlencode([(_known(name, ()), said) for name, said in named])
    except ConfigurationError as error:
        raise ConfigurationError(f"url: {error}") from None


def _pool(given: dict[str, Any]) -> tuple[Any, tuple[tuple[str, int], ...]]:
    """Return a pool, of which only the way to make a connection is used, and a cluster's nodes."""
    own = {name: given.pop(name) for name in OWN if name in given}
    alias, url = own.get("django_redis"), own.get("url")
    given = {name: value for name, value in given.items() if value is not None}
    if alias is not None:
        _alone("django_redis", own, given)
        return _pool_of_cache(alias), ()
    client = redis.Redis.from_url(_read_url(url), **given) if url else redis.Redis(**given)
    if own.get("sentinels"):
        return _watched_pool(own, given), ()
    nodes = _nodes(own.get("startup_nodes") or ())
    kwargs = client.connection_pool.connection_kwargs
    if own.get("cluster") and not nodes:
        nodes = ((kwargs.get("host", "localhost"), kwargs.get("port", 6379)),)
    if nodes and kwargs.get("db"):
        raise ConfigurationError("a Redis Cluster has one database: leave out db")
    return client.connection_pool, nodes


def _ours(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is the same for all connections: nothing is ever sent twice by itself, since
    what was claimed once would be claimed again."""
    return {
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
        "protocol": 2,
        "decode_responses": False,
        "socket_timeout": kwargs.get("socket_timeout") or TIMEOUT,
        "socket_connect_timeout": kwargs.get("socket_connect_timeout") or TIMEOUT,
    }


def _alone(name: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    others = [*(other for other in own if other != name), *given]
    if others:
        raise ConfigurationError(f"{name} says all: leave out {', '.join(sorted(others))}")


def _pool_of_cache(alias: Any) -> Any:
    """Return the pool of a cache of django-redis."""
    try:
        import django_redis  # lazy: seldom there
    except ImportError:
        raise ConfigurationError(
            f"django_redis={alias!r} needs the package django-redis, which is not installed; "
            "or name the server by its url"
        ) from None
    try:
        return django_redis.get_redis_connection(_text("django_redis", alias)).connection_pool
    except NotImplementedError:
        raise ConfigurationError(
            f"django_redis={alias!r}: this cache in CACHES is none of django-redis"
        ) from None
    except ImproperlyConfigured as error:
        told = str(error) if alias in caches.settings else unknown("cache", alias, caches.settings)
        raise ConfigurationError(f"django_redis={alias!r}: {told}") from error


def _watched_pool(own: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Return a pool that asks sentinels for the master whenever it connects."""
    service = own.get("service_name")
    if not service:
        raise ConfigurationError("sentinels need service_name, the name they know the master by")
    connecting = {
        name: value for name, value in given.items() if name.startswith(("socket_", "ssl"))
    }
    asking = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, **connecting}
    watchers: Any = redis.Sentinel(  # type: ignore[no-untyped-call]
        list(_nodes(own["sentinels"])), sentinel_kwargs=asking
    )
    rest = {name: value for name, value in given.items() if name not in ("host", "port")}
    return watchers.master_for(service, **rest).connection_pool


def _nodes(given: Any) -> tuple[tuple[str, int], ...]:
    """Read "host:port", (host, port) or {"host": ..., "port": ...}, each."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f'nodes are a list, such as ["10.0.0.1:6379"], not {given!r}')
    found = []
    for one in given:
        host: Any
        if isinstance(one, Mapping):
            host, port = one.get("host"), one.get("port", 6379)
        elif isinstance(one, str):
            host, _, port = one.rpartition(":")
        else:
            host, port = one
        found.append((_text("host", host), int(port)))
    return tuple(found)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} must be text, not {value!r}")
    return value


def _name(kwargs: Mapping[str, Any], nodes: tuple[tuple[str, int], ...]) -> str:
    """Return how messages call it: never with a password."""
    if nodes:
        return "Redis Cluster at " + ", ".join(f"{host}:{port}" for host, port in nodes)
    if path := kwargs.get("path"):
        return f"Redis at {path}, database {kwargs.get('db') or 0}"
    pool = kwargs.get("connection_pool")  # of sentinels
    if service := getattr(pool, "service_name", None):
        return f"Redis master {service!r}, database {kwargs.get('db') or 0}"
    host, port = kwargs.get("host", "localhost"), kwargs.get("port", 6379)
    return f"Redis at {host}:{port}, database {kwargs.get('db') or 0}"
