"""The shared state of several hosts: a Redis, a master that Sentinels name, or a Redis Cluster; from Redis 5.0 on.

Everything is stored under eight keys with one hash tag. Each call is one Lua script, which Redis runs as one
transaction, by its own clock. No other module imports redis.
"""

import ctypes
import hashlib
import math
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlsplit

import redis
from opentelemetry import context as context_api
from redis import exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from hydrochat_otel.fleet.backend import (
    CLOCK_GAP_S,
    KEEP_S,
    MAX_MERGED,
    SCHEMA_VERSION,
    Contents,
    Knowledge,
    Publication,
    Receipt,
)
from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.redis import errors
from hydrochat_otel.runtime import interruptions

_T = TypeVar("_T")

# redis-py has no type for it.
_parsed: Final[Callable[[str], dict[str, Any]]] = parse_url
_sentinels: Final[Callable[..., Any]] = Sentinel
_node: Final[Callable[[str, int], ClusterNode]] = ClusterNode

_KEYS: Final = ("meta", "evicted", "totals", "seqs", "seen", "entries", "merged", "merged_seqs")
"""In the order in which the scripts name them; `seen` and `merged` hold members by time, `seqs` and `merged_seqs`
numbers.
"""

_SUPPRESSED_KEYS: Final = (
    getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
    "suppress_instrumentation",
)


class _Script(NamedTuple):
    text: str
    sha: str


def _script(name: str) -> _Script:
    directory = files("hydrochat_otel").joinpath("assets", "lua")
    beginning = f"local CLOCK_GAP_S = {CLOCK_GAP_S}\n"
    text = beginning + "".join(directory.joinpath(f"{one}.lua").read_text(encoding="utf-8") for one in ("state", name))
    return _Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_EXCHANGE: Final = _script("exchange")
_MERGE: Final = _script("merge")
_RESTORE: Final = _script("restore")


class _RedisAddress(NamedTuple):
    """Where a Redis is; `name` is shown in messages, and `options` are redis-py's.

    `hosts` and `service` belong to Sentinels and clusters (`topology`), and are empty otherwise.
    """

    name: str
    topology: str
    hosts: Sequence[tuple[str, int]]
    service: str
    options: Mapping[str, Any]


class RedisBackend:
    """A shared state in Redis, see :class:`~hydrochat_otel.fleet.backend.Backend`; connects on the first call.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` as in redis-py;
            ``redis+sentinel://[user:password@]host[:26379],…/master[/db]``, whose Sentinels have a password of their
            own as ``?sentinel_password=…``; ``redis+cluster://host[:6379],…``; the last two with ``rediss``, too.
        group: Name of the service; each has a state of its own.
        bounds: How much is stored.
        timeout_s: How long to wait for a connection, and for each answer. A call takes about twice as long at most.

    Raises:
        StateError: The address cannot be parsed.
    """

    kind = "redis"

    def __init__(self, url: str, group: str, bounds: Bounds, *, timeout_s: float = 0.5) -> None:
        self._bounds = bounds
        self._timeout_s = timeout_s
        # Only the hash tag decides which node of a cluster has the keys, so it must be neither empty nor truncated.
        self._prefix = f"hydrochat_otel:{{{quote(group, safe='', errors='replace') or '%'}}}:v{SCHEMA_VERSION}:"
        self._keys = [self._prefix + name for name in _KEYS]
        try:
            self._address = _parsed_address(url)
        except ValueError:
            raise StateError(
                "HYDROCHAT_STATE is not an address of a Redis such as redis://user:password@host:6379/0; "
                "characters other than letters and digits in user and password must be percent-encoded."
            ) from None
        self._client: redis.Redis | RedisCluster | None = None
        self._sentinels: Sequence[redis.Redis] = ()
        self._pid = 0

    def exchange(self, publication: Publication | None, known_departed_version: int, *, read: bool) -> Receipt:
        """Apply the publication, trim the window, and answer, all in one transaction."""
        bounds = self._bounds
        said: list[Any] = []
        if publication is not None:
            said = [publication.member, publication.seq, int(publication.leaving)]
            said += [int(publication.totals is not None), publication.totals or b""]
            # An end that is not a number would stop the script.
            for end_unix_s, text in publication.entries:
                if not math.isnan(end_unix_s):
                    said += [end_unix_s, text]
        asked = [bounds.max_entries, bounds.ttl_s, bounds.silent_after_s, known_departed_version, int(read)]
        return self._run(_EXCHANGE, [*asked, *said], _receipt)

    def merge(self, merged: Mapping[str, int], departed: bytes, known_departed_version: int) -> bool:
        """Replace the departed totals and remove the merged members' own, unless anything has changed."""
        members = chain.from_iterable(merged.items())
        return self._run(_MERGE, [MAX_MERGED, departed, known_departed_version, *members], bool)

    def restore(self, knowledge: Knowledge) -> None:
        """Restore what a lost state held, except where something newer is stored."""
        departed = [knowledge.departed_version, int(knowledge.departed is not None), knowledge.departed or b""]
        merged = chain.from_iterable(knowledge.merged.items())
        totals = chain.from_iterable((member, seq, text) for member, (seq, text) in knowledge.totals.items())
        evicted = chain.from_iterable(knowledge.evicted.items())
        lengths = [len(knowledge.merged), len(knowledge.totals)]
        self._run(_RESTORE, [MAX_MERGED, *departed, *lengths, *merged, *totals, *evicted], bool)

    def close(self) -> None:
        """Close the connections; the next call opens new ones. No failure of a connection is raised."""
        if self._pid != os.getpid():
            self.abandon()
        clients, self._client, self._sentinels = (self._client, *self._sentinels), None, ()
        for client in clients:
            try:
                if client is not None:
                    client.close()
            except Exception as error:
                interruptions.pass_on(error)

    def abandon(self) -> None:
        """Drop the connections without closing them, in a forked child; the next call opens new ones. Never raises.

        Their locks may be held by a thread that this process does not have.
        """
        clients, self._client, self._sentinels = (self._client, *self._sentinels), None, ()
        for client in filter(None, clients):
            # One reference too many, so that the interpreter's exit does not close it either.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))

    def _run(self, script: _Script, arguments: Sequence[Any], read: Callable[[Any], _T]) -> _T:
        if self._pid != os.getpid():
            self.abandon()
            self._pid = os.getpid()
        was_connected = self._client is not None
        arguments_sent = [*self._keys, uuid.uuid4().hex, KEEP_S, *arguments]
        try:
            with _unseen():
                try:
                    return _readable(read, self._evaluate(script, arguments_sent))
                except exceptions.ConnectionError as error:
                    # Redis may have been restarted. Nothing is applied twice.
                    if not was_connected or type(error) is not exceptions.ConnectionError:
                        raise
                self.close()
                return _readable(read, self._evaluate(script, arguments_sent))
        except Exception as error:
            self.close()
            interruptions.pass_on(error)
            said = errors.sentence(error, keys=f"{self._prefix}*", timeout_s=self._timeout_s)
            raise StateError(f"The shared state at {self._address.name} {said}.") from None
        except BaseException:
            # After any interruption: an answer may be on its way that is not for the next call.
            self.close()
            raise

    def _evaluate(self, script: _Script, sent: Sequence[Any]) -> Any:
        if self._client is None:
            self._client = self._connected()
        try:
            return self._client.evalsha(script.sha, len(_KEYS), *sent)
        except exceptions.NoScriptError:
            return self._client.eval(script.text, len(_KEYS), *sent)

    def _connected(self) -> redis.Redis | RedisCluster:
        address, once = self._address, Retry(NoBackoff(), 0)
        options = {
            **address.options,
            "socket_timeout": self._timeout_s,
            "socket_connect_timeout": self._timeout_s,
            "decode_responses": False,
            "protocol": 2,
            "client_name": "hydrochat_otel",
        }
        if address.topology == "sentinel":
            # All of them together get as long as one Redis.
            each_s = self._timeout_s / len(address.hosts)
            secrets = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
            tls = {name: value for name, value in options.items() if name.startswith("ssl")}
            timeouts = {"socket_timeout": each_s, "socket_connect_timeout": each_s}
            asking = {**secrets, **tls, **timeouts, "protocol": 2, "retry": once}
            sentinels = _sentinels(address.hosts, sentinel_kwargs=asking)
            self._sentinels = sentinels.sentinels
            master: redis.Redis = sentinels.master_for(address.service, retry=once, **options)
            return master
        if address.topology == "cluster":
            cluster = RedisCluster(startup_nodes=[_node(*host) for host in address.hosts], retry=once, **options)
            # Before redis-py 6.0 this decides; later versions ignore it.
            vars(cluster)["cluster_error_retry_attempts"] = 0
            return cluster
        return redis.Redis.from_pool(redis.ConnectionPool(**options, retry=once))


@contextmanager
def _unseen() -> Iterator[None]:
    """Suppress other instrumentations' spans of our own calls: each would be an entry, published by a further call."""
    current = context_api.get_current()
    for key in _SUPPRESSED_KEYS:
        current = context_api.set_value(key, True, current)
    token = context_api.attach(current)
    try:
        yield
    finally:
        context_api.detach(token)


def _readable(read: Callable[[Any], _T], reply: Any) -> _T:
    try:
        return read(reply)
    except (TypeError, ValueError, AttributeError) as error:
        raise errors.UnreadableError from error


def _receipt(reply: Sequence[Any]) -> Receipt:
    store_id, age, restored_age, merged_seq, kept_seq, version, departed, members, silent, totals, entries, evicted = (
        reply
    )
    contents = None
    if totals is not None:
        contents = Contents(
            totals={name.decode(): totals for name, totals in _pairs(totals)},
            entries=entries,
            evicted={reason.decode(): int(count) for reason, count in _pairs(evicted) if count.isdigit()},
        )
    return Receipt(
        store_id=store_id.decode(),
        age_s=max(0.0, float(age)),
        restored_age_s=None if restored_age is None else max(0.0, float(restored_age)),
        merged_seq=None if merged_seq is None else int(merged_seq),
        kept_seq=None if kept_seq is None else int(kept_seq),
        departed_version=version,
        departed=departed,
        members=members,
        silent={name.decode(): int(seq) for name, seq in _pairs(silent)},
        contents=contents,
    )


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _parsed_address(url: str) -> _RedisAddress:
    """Parse an address. Raises ValueError, whose text may hold a part of the password."""
    parts = re.fullmatch(r"(rediss?|unix)(?:\+(sentinel|cluster))?://([^/?#]*)([^?#]*)(.*)", url, re.DOTALL)
    if parts is None:
        raise ValueError
    scheme, topology, authority, path, query = parts.groups(default="")
    credentials, at, addresses = authority.rpartition("@")
    # The end of a password that was not encoded: the part before it would be taken for a host, and shown.
    if "@" in path + query:
        raise ValueError
    if scheme == "unix":
        if topology or not path:
            raise ValueError
        return _RedisAddress(f"unix://{unquote(path)}", "", (), "", _parsed(url))
    service, _, database = path.strip("/").partition("/") if topology == "sentinel" else ("", "", path.strip("/"))
    if re.fullmatch(r"\d*", database) is None or bool(service) != (topology == "sentinel"):
        raise ValueError
    options = _parsed(f"{scheme}://{credentials}{at}{addresses if not topology else ''}/{database}{query}")
    if not topology:
        name = f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        return _RedisAddress(f"{scheme}://{name}/{options.get('db', 0)}", "", (), "", options)
    if options.pop("connection_class", None) is not None:
        options["ssl"] = True
    default_port = 26379 if topology == "sentinel" else 6379
    hosts = [_host(address, default_port) for address in addresses.split(",")]
    name = ",".join(f"{host}:{port}" for host, port in hosts)
    if topology == "cluster" and options.pop("db", 0):
        raise ValueError
    shown = f"{scheme}+{topology}://{name}/{service}".rstrip("/")
    return _RedisAddress(shown, topology, hosts, unquote(service), options)


def _host(address: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{address}")
    if not parts.hostname:
        raise ValueError
    return unquote(parts.hostname), parts.port or default_port
