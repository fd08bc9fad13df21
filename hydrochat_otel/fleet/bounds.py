"""How much a shared state holds, and the error of one that cannot be used: all that a process alone needs of it."""

from dataclasses import dataclass


class StateError(Exception):
    """The shared state cannot be used now; the message is one readable sentence without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is stored, and when a member counts as departed.

    Attributes:
        max_entries: The most entries of the window.
        ttl_s: Age in seconds from which an entry is expired, counted from its end.
        silent_after_s: Seconds without a publication after which a member is silent.
    """

    max_entries: int = 1000
    ttl_s: float = 86_400.0
    silent_after_s: float = 10.0
