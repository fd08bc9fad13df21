"""What a process contributes to a shared state, and what it reads of all members."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hydrochat_otel.fleet import merging, sign_outs
from hydrochat_otel.fleet.notable import departed_text
from hydrochat_otel.fleet.totals import Totals
from hydrochat_otel.window import days
from hydrochat_otel.window.days import Days
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import Turn
from hydrochat_otel.window.snapshot import Attributes, Family

_MERGED_REMEMBERED: Final = 256
"""Merged members whose names go with the departed totals into a restored state; a name is 50 bytes."""


class Own(NamedTuple):
    """What the process itself has measured since its start: metrics, days and notable turns; and known sign-outs."""

    families: tuple[Family, ...]
    resource: Attributes
    days: Days
    signed_out: Mapping[str, int] = {}
    notable: tuple[Turn, ...] = ()


NOTHING: Final = Own((), {}, {})


class View(NamedTuple):
    """What was read of all members, as of one exchange.

    Attributes:
        totals: Of the departed first, then of each member that was not merged, this one included.
        entries: The window of all members, oldest first.
        evicted: Entries that have left the window, by reason.
        members: How many published recently, this one included.
        settling: Whether the state is so new, or was lost so recently, that members may be missing from it.
    """

    totals: tuple[Totals, ...]
    entries: tuple[Entry, ...]
    evicted: Mapping[str, int]
    members: int
    settling: bool


def departed_of(totals: Iterable[Totals | None], gone: Mapping[str, int], unix_s: float) -> Totals:
    """Return the totals of all departed members: the given ones, and those of members that have gone since."""
    parts = [one for one in totals if one is not None]
    families = merging.lasting(merging.merged([merging.lasting(one.families) for one in parts]))
    merged = [*(item for one in parts for item in one.merged.items()), *gone.items()]
    signed_out = sign_outs.merged((one.signed_out for one in parts), unix_s)
    notable = departed_text((one.notable for one in parts), unix_s)
    remembered = dict(merged[-_MERGED_REMEMBERED:])
    return Totals("", 0, unix_s, {}, families, days_of(parts), remembered, signed_out, notable)


def days_of(totals: Iterable[Totals]) -> Days:
    """Return the days of all totals together, bounded."""
    return days.merged(one.days for one in totals)
