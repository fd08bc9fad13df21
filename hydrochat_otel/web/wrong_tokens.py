"""The limit on guessing: wrong tokens are counted by the network that they come from."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hydrochat_otel.runtime import process_globals
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.web.networks import network_of

UNGUESSABLE_CHARACTERS: Final = 32
"""From this length on a token cannot be found by guessing over a network."""


@dataclass(slots=True)
class _Tries:
    """The wrong tokens that a network may still send at once, and the time of that count."""

    left: float
    seen_s: float


class WrongTokens:
    """Counts wrong tokens by network: `burst` at once, then one more every `refill_s` seconds. Any thread may call.

    A network that sent the right token within `trust_s` is not blocked, so a client cannot lock out a scraper behind
    the same proxy. A token of :data:`UNGUESSABLE_CHARACTERS` or more is never refused either.

    Guessers and trusted networks are kept apart, each at most `max_networks`; the one seen longest ago is dropped. Only
    the right token makes a network trusted, so guessers cannot push a scraper out of the memory.
    """

    def __init__(
        self,
        *,
        burst: int = 20,
        refill_s: float = 3.0,
        trust_s: float = 900.0,
        max_networks: int = 1024,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._trust_s = trust_s
        self._max_networks = max_networks
        self._monotonic = monotonic
        self._guessers: OrderedDict[str, _Tries] = OrderedDict()
        self._trusted_until_s: OrderedDict[str, float] = OrderedDict()
        self._lock = ForkLock()

    def __len__(self) -> int:
        return len(self._guessers)

    def wait_s(self, address: str) -> float:
        """Return the seconds for which the address is blocked; 0 if it is not."""
        if not self._guessers:
            return 0.0
        network = network_of(address)
        with self._lock:
            tries = self._guessers.get(network)
            if tries is None:
                return 0.0
            now_s = self._monotonic()
            self._refill(tries, now_s)
            if tries.left >= 1 or now_s < self._trusted_until_s.get(network, 0.0):
                return 0.0
            return (1 - tries.left) * self._refill_s

    def wrong(self, address: str) -> None:
        """Count a wrong token."""
        network = network_of(address)
        with self._lock:
            now_s = self._monotonic()
            tries = self._guessers.setdefault(network, _Tries(self._burst, now_s))
            self._refill(tries, now_s)
            tries.left = max(0.0, tries.left - 1)
            self._touch(self._guessers, network)

    def right(self, address: str) -> None:
        """Trust the address for a while; its wrong tokens stay counted."""
        network = network_of(address)
        with self._lock:
            self._trusted_until_s[network] = self._monotonic() + self._trust_s
            self._touch(self._trusted_until_s, network)

    def forget(self) -> None:
        """Forget every network."""
        self._guessers.clear()
        self._trusted_until_s.clear()

    def _refill(self, tries: _Tries, now_s: float) -> None:
        tries.left = min(self._burst, tries.left + (now_s - tries.seen_s) / self._refill_s)
        tries.seen_s = now_s

    def _touch(self, networks: OrderedDict[str, _Tries] | OrderedDict[str, float], network: str) -> None:
        networks.move_to_end(network)
        if len(networks) > self._max_networks:
            networks.popitem(last=False)


wrong_tokens: Final = WrongTokens()
"""Of this process."""

process_globals.register("wrong tokens", wrong_tokens.forget)
