"""The sessions that were signed out before they expired; every process of a service refuses them.

A session is an id and the time at which it expires anyway. Each process publishes every sign-out that it has learned
with its totals, so the order of publications, merges and restores makes no difference.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hydrochat_otel.runtime import process_globals
from hydrochat_otel.runtime.forks import ForkLock

SESSION_S: Final = 12 * 3600
"""How long a session is valid."""

MAX_SIGN_OUTS: Final = 1024
"""Sign-outs that are remembered; of more, those that expire last. Only a holder of the token can make so many."""

_LATEST_S: Final = 2 * SESSION_S
"""An expiry further ahead was not written by a process whose clock is roughly right, and is ignored."""

Ends = Mapping[str, int]
"""Seconds since the epoch at which each session expires, by its id."""


def merged(parts: Iterable[Ends], unix_s: float, *, most: int = MAX_SIGN_OUTS) -> dict[str, int]:
    """Return the sign-outs of all parts that have not expired, bounded."""
    found: dict[str, int] = {}
    for part in parts:
        for identity, end_unix_s in part.items():
            if unix_s < end_unix_s <= unix_s + _LATEST_S:
                found[identity] = max(end_unix_s, found.get(identity, 0))
    if len(found) <= most:
        return found
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0]))[-most:])


class SignOuts:
    """The sign-outs that a process has served or read; any thread may call.

    Args:
        most: How many are remembered.
        wall: Returns seconds since the epoch.
    """

    def __init__(self, *, most: int = MAX_SIGN_OUTS, wall: Callable[[], float] = time.time) -> None:
        self._most = most
        self._wall = wall
        self._lock = ForkLock()
        self.known: Ends = {}
        """Replaced by each addition, never changed: readers need no lock."""

    def add(self, ends: Ends) -> None:
        """Remember the sign-outs."""
        if ends.keys() <= self.known.keys():
            return
        with self._lock:
            self.known = merged((self.known, ends), self._wall(), most=self._most)

    def unexpired(self) -> Ends:
        """Return those that are worth publishing."""
        return merged((self.known,), self._wall(), most=self._most)

    def forget(self) -> None:
        """Forget every sign-out."""
        self.known = {}


sign_outs: Final = SignOuts()
"""Of this process."""

process_globals.register("sign_outs", sign_outs.forget)
