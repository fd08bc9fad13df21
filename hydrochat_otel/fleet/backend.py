"""What a shared state must do: one exchange in a transaction, a merge and a restore; and the records it passes.

Members (:mod:`member`) decide, backends (:mod:`sqlite`, :mod:`redis`) store. The stored values are opaque to a backend:
totals and entries are bytes that :mod:`totals` and :mod:`entries` write and read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from hydrochat_otel.window.days import MAX_DAYS

SCHEMA_VERSION: Final = 1
"""Version of everything that is stored. A process never reads or writes what another version stored."""

MAX_MERGED: Final = 4096
"""Merged members that are remembered; the oldest are dropped first."""

KEEP_S: Final = (MAX_DAYS + 1) * 86_400
"""How long an unused state is kept: as long as its days of calls and dollars."""

CLOCK_GAP_S: Final = 600.0
"""If the clock went ahead by so much between two exchanges, it may have jumped: members publish every few seconds.

For the time to live after such a gap, expired entries are left out of what is read and are not deleted, so that a clock
that is set right brings them back.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What one member publishes in one exchange.

    Attributes:
        member: Its identifier.
        seq: Grows with each publication of the member; one that is not above the stored one was applied before.
        totals: Its cumulative totals; None if they have not changed since the last publication.
        entries: New window entries as ``(end_unix_s, bytes)``; each value is unique.
        leaving: Whether it is the member's last publication.
    """

    member: str
    seq: int
    totals: bytes | None
    entries: Sequence[tuple[float, bytes]] = ()
    leaving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that is stored, as of one moment.

    Attributes:
        totals: The totals of each member that was not merged.
        entries: The window of all members, oldest first.
        evicted: Entries that have left the window so far, by reason (``capacity``, ``age``).
    """

    totals: Mapping[str, bytes]
    entries: Sequence[bytes]
    evicted: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the state answers in one exchange.

    Attributes:
        store_id: A random id made with the state; a different one means that the former state was lost.
        age_s: Seconds since the state was made.
        restored_age_s: Seconds since the last restore by any member, or None.
        merged_seq: The member was considered departed and merged as of this publication of its own; the current
            publication was not written. None in the ordinary case.
        kept_seq: Sequence number of the member's last stored publication before this one; None if none was stored, or
            nothing is published.
        departed_version: Grows with each merge; 0 before the first.
        departed: The totals of all merged members if their version differs from the one the member has; else None.
        members: The members that published recently.
        silent: The members that did not, with the last sequence number of each: to be merged.
        contents: All contents, if requested.
    """

    store_id: str
    age_s: float
    restored_age_s: float | None
    merged_seq: int | None
    kept_seq: int | None
    departed_version: int
    departed: bytes | None
    members: int
    silent: Mapping[str, int]
    contents: Contents | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a member has read of a state that was lost, to be restored into its successor; as in a receipt.

    `merged` are the members whose totals are in `departed`, with the sequence number of each, the newest last.
    """

    departed: bytes | None = None
    departed_version: int = 0
    merged: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    evicted: Mapping[str, int] = field(default_factory=dict)


class Backend(Protocol):
    """A shared state. One thread at a time calls; every method may raise :class:`StateError`, within a second or two.

    A method that raises may have been applied or not; a repeated call with the same arguments changes nothing more.
    """

    kind: str
    """``sqlite`` or ``redis``."""

    def exchange(self, publication: Publication | None, known_departed_version: int, *, read: bool) -> Receipt:
        """Apply the publication, trim the window, and answer, all in one transaction.

        Creates a missing state. If the member is unknown and the publication has no totals, only its entries are
        stored. A publication of a merged member, and one whose `seq` is not above the stored one, only records that the
        member is alive; a leaving publication makes it silent at once. Evicted entries are counted in the state, by
        reason.
        """

    def merge(self, merged: Mapping[str, int], departed: bytes, known_departed_version: int) -> bool:
        """Replace the departed totals and remove the merged members' own, and remember which members were merged.

        Returns False and changes nothing if the departed totals have another version than the one given, or if a member
        has published since (its sequence number differs) or is no longer stored.
        """

    def restore(self, knowledge: Knowledge) -> None:
        """Restore what a lost state held, and note the time.

        The departed totals replace older ones, and their members then count as merged here, too; a member's totals are
        stored unless newer ones are stored or the member is merged; counts of evicted entries are raised, never
        lowered.
        """

    def close(self) -> None:
        """Close the connections; the next call opens them again. Never raises."""

    def abandon(self) -> None:
        """Drop the connections without closing them, in a forked child; the next call opens new ones. Never raises."""
