"""Storage of cached content, which is charged by tokens and hours, from its creation to its expiry or deletion.

Storage is charged at least once an hour by the background refresh, at its deletion and at its expiry. Content that
another process stored is not seen.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from hydrochat_otel.prices.counts import is_count
from hydrochat_otel.prices.refresher import refresher
from hydrochat_otel.runtime import forks
from hydrochat_otel.runtime.forks import ForkLock

STORAGE: Final = "cache_storage"
"""Operation of the storage of cached content."""

_HOUR_S: Final = 3600.0
_DEFAULT_TTL_S: Final = 3600.0
_MOST_KEPT: Final = 4096


@dataclass(slots=True)
class Stored:
    """One cached content.

    Attributes:
        model: The model whose cache holds it.
        tokens: Its tokens.
        uncharged_since_unix_s: Until when its storage was charged; empty while a thread charges it, so that no two
            threads charge the same time.
        expires_unix_s: When it expires.
        api_client: The SDK's client that stored it, which has the server's address.
    """

    model: str
    tokens: int
    uncharged_since_unix_s: list[float]
    expires_unix_s: float
    api_client: Any


class Storage:
    """The contents that this process put into the cache; any thread may call, none waits for another.

    Args:
        begin: Begins the record of a charge: operation, model and the SDK's client.
    """

    def __init__(self, begin: Callable[[str, object, Any], Any]) -> None:
        self._begin = begin
        self._kept: dict[str, Stored] = {}
        self._charging = ForkLock()
        forks.register(forks.Phase.QUEUE, in_child=self.forget_parent)

    def store(self, content: Any, model: object, api_client: Any) -> None:
        """Note stored content; beyond a bound the oldest content is charged up to its expiry."""
        name, usage = getattr(content, "name", None), getattr(content, "usage_metadata", None)
        tokens = getattr(usage, "total_token_count", None)
        if not isinstance(name, str) or not is_count(tokens) or not tokens:
            return
        created = _unix_s(getattr(content, "create_time", None)) or time.time()
        expires = _unix_s(getattr(content, "expire_time", None)) or created + _DEFAULT_TTL_S
        while len(self._kept) >= _MOST_KEPT:
            self._charge(self._kept.pop(next(iter(self._kept))), float("inf"))
        self._kept[name] = Stored(
            str(getattr(content, "model", None) or model or ""), tokens, [created], expires, api_client
        )
        refresher.watch(self)

    def extend(self, content: Any) -> None:
        """Note that content expires at another time."""
        stored = self._kept.get(str(getattr(content, "name", None)))
        expires = _unix_s(getattr(content, "expire_time", None))
        if stored is not None and expires is not None:
            stored.expires_unix_s = expires

    def delete(self, name: object) -> None:
        """Charge the content until now, and remove it."""
        stored = self._kept.pop(name, None) if isinstance(name, str) else None
        if stored is not None:
            self._charge(stored, time.time())

    def refresh(self) -> None:
        """Charge whole hours and expired content; a thread of its own calls this once a minute."""
        with self._charging:
            now = time.time()
            for name, stored in list(self._kept.items()):
                if stored.expires_unix_s <= now:
                    self._kept.pop(name, None)
                    self._charge(stored, now)
                elif any(now - since >= _HOUR_S for since in stored.uncharged_since_unix_s):
                    self._charge(stored, now)

    def settle(self) -> None:
        """Charge everything until now; called when counting ends."""
        with self._charging:
            for stored in list(self._kept.values()):
                self._charge(stored, time.time())

    def forget_parent(self) -> None:
        """Drop everything in a forked child: the parent charges it."""
        self._kept = {}

    def _charge(self, stored: Stored, now: float) -> None:
        try:
            since = stored.uncharged_since_unix_s.pop()
        except IndexError:  # another thread charges it, until now
            return
        until = min(now, stored.expires_unix_s)
        stored.uncharged_since_unix_s.append(max(since, until))
        hours = (until - since) / _HOUR_S
        if hours <= 0:
            return
        call = self._begin(STORAGE, stored.model, stored.api_client)
        if call is not None:
            call.charge("cache_storage", stored.tokens * hours)
            call.succeed()


def _unix_s(moment: Any) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else None
