"""What a shared state must do: one exchange in a transaction, a merge, and a restoration; and the totals it passes.

The members (:mod:`member`) think, the backends (:mod:`sqlite`, :mod:`redis`) keep. What is kept is opaque to them:
totals and entries are bytes that :mod:`totals` writes and reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

SCHEMA_VERSION: Final = 1
"""Of everything that is kept. Another version never reads or writes what this one keeps."""

MAX_MERGED: Final = 4096
"""Members that are remembered as merged; the oldest are forgotten first."""

KEEP_S: Final = 35 * 86_400
"""A state that nobody touches for so long may be forgotten; longer than a month, because of the month's budget."""


class StateError(Exception):
    """The shared state cannot be used now; the message is one sentence for people, without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What one member says in one exchange.

    Attributes:
        member: Its identifier.
        seq: Grows with each publication of the member; one that is not above the stored one was applied before.
        totals: Its cumulative totals; None where it has not changed since the last one.
        entries: New retained entries as ``(end_unix_s, bytes)``, each text unique.
        leaving: Whether it is the member's last one.
    """

    member: str
    seq: int
    totals: bytes | None
    entries: Sequence[tuple[float, bytes]] = ()
    leaving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that is kept, as of one moment.

    Attributes:
        totals: The totals of each member that was not merged.
        entries: The retained window of all, oldest first.
        evicted: Entries that have left it so far, by reason (``capacity``, ``age``).
    """

    totals: Mapping[str, bytes]
    entries: Sequence[bytes]
    evicted: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the state answers in one exchange.

    Attributes:
        store_id: Made at random with the state; another one means that what had been kept is gone.
        age_s: Seconds since the state was made.
        restored_age_s: Seconds since somebody last restored what he knew into it; None where nobody has.
        merged_seq: The member was taken for dead after this publication of its, which is in the departed; what it
            publishes now was not written. None in the ordinary case.
        kept_seq: Of the member's publication that was kept last before this one; None where nothing of it was kept, or
            nothing is published.
        departed_version: Grows with each merge; 0 before the first.
        departed: The totals of all merged members, where its version is not the one that the member knows; else None.
        members: The members that have been heard of lately.
        silent: Those that have not, with the last sequence number of each: to be merged.
        contents: Everything, where it was asked for.
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
class Bounds:
    """How much is kept, and when a member is taken for dead.

    Attributes:
        max_entries: The most entries of the retained window.
        ttl_s: Age in seconds from which an entry is expired, counted from its end.
        silent_after_s: Seconds without a publication after which a member is silent.
    """

    max_entries: int = 1000
    ttl_s: float = 86_400.0
    silent_after_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a member knew of a state that was lost, to be restored into its successor; as in a receipt.

    `merged` are members that are in the departed, with the sequence number of each, the newest last.
    """

    departed: bytes | None = None
    departed_version: int = 0
    merged: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    evicted: Mapping[str, int] = field(default_factory=dict)


class Backend(Protocol):
    """A shared state. One thread at a time calls; every method may raise :class:`StateError`, within a second or two.

    A method that raises may have been applied or not; calling it again with the same arguments changes nothing more.
    """

    kind: str
    """``sqlite`` or ``redis``."""

    def exchange(self, publication: Publication | None, known_departed_version: int, *, read: bool) -> Receipt:
        """Apply the publication, trim the window, and answer, all in one transaction.

        Makes the state where there is none. Of a member that is not kept nothing but the entries is taken of a
        publication without a totals. A publication of a merged member, and one whose `seq` is not above the
        stored one, writes nothing but that the member lives; one that leaves makes it silent at once. Evicted entries
        are counted in the state, by reason.
        """

    def merge(self, merged: Mapping[str, int], departed: bytes, known_departed_version: int) -> bool:
        """Put the departed in the place of the old one and of the members' totals, and remember who was merged.

        False, and nothing changed, where the departed has another version than the one known, or a member has
        published since (its sequence number is another one) or is kept no more.
        """

    def restore(self, knowledge: Knowledge) -> None:
        """Bring back what a lost state held, and note the time.

        The departed if it is newer than the kept one, and then whom it holds is merged here, too; totals of members
        of which nothing newer is kept and which are not merged; counts of evicted entries where they are higher.
        """

    def close(self) -> None:
        """Let go of connections; the next call opens them anew. Never raises."""

    def abandon(self) -> None:
        """Forget connections without closing them, in a forked child; the next call opens new ones. Never raises."""
