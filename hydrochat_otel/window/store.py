"""The window: the newest entries of the last hours, in memory, bounded in number and age.

Ages are measured with a monotonic clock from the arrival of an entry, so a wall clock that jumps can neither lose an
entry nor keep it forever. Writers append to an inbox and never wait for a lock, so that a signal handler or finaliser
may write at any line; readers first add finished work that is still queued.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, TypeVar

from hydrochat_otel import semconv
from hydrochat_otel.runtime.forks import Busy, ForkLock
from hydrochat_otel.window.body import Body
from hydrochat_otel.window.contents import Contents, Filling
from hydrochat_otel.window.entry import Entry, Kind
from hydrochat_otel.window.kept import Aged, Batch, Kept, as_dicts, entries_of, unix_s_of, younger
from hydrochat_otel.window.outbox import Outbox
from hydrochat_otel.window.waiting import Waiting

WARN_UTILIZATION_PERCENT: Final = 80.0

_Result = TypeVar("_Result")


class MetricsStore:
    """The newest `max_entries` entries that are younger than `ttl_hours`.

    Holds an :class:`Entry` for each finished operation, call and span, and dictionaries that the application added. An
    expired entry is never served, also between two clean-ups, which free its memory. Safe for any number of threads,
    signal handlers and finalisers included.

    Args:
        max_entries: The most that is kept; the oldest leave first.
        ttl_hours: Age in hours from which an entry is expired.
        auto_cleanup: Free expired entries when something is added and the interval has passed.
        cleanup_interval_minutes: The interval of that clean-up.
        monotonic: Clock in seconds that never goes back, for ages.
        wall: Clock in seconds since the epoch, for time stamps.

    Attributes:
        arrive: Adds finished work that is still queued; called before each reading. None if nothing is queued.

    Raises:
        ValueError: `max_entries` below 1, or `ttl_hours` or the interval not above 0.
    """

    def __init__(
        self,
        max_entries: int = 1000,
        ttl_hours: float = 24,
        auto_cleanup: bool = True,  # noqa: FBT002 - the contract's signature
        cleanup_interval_minutes: float = 60,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries={max_entries} is not allowed: it must be at least 1.")
        if not ttl_hours > 0:
            raise ValueError(f"ttl_hours={ttl_hours} is not allowed: it must be above 0.")
        if not cleanup_interval_minutes > 0:
            raise ValueError(f"cleanup_interval_minutes={cleanup_interval_minutes} is not allowed: it must be above 0.")
        self.max_entries = max_entries
        self.ttl_hours = ttl_hours
        self.auto_cleanup = auto_cleanup
        self.cleanup_interval_minutes = cleanup_interval_minutes
        self.last_cleanup_time: datetime | None = None
        self._ttl_s = ttl_hours * 3600
        self._interval_s = cleanup_interval_minutes * 60
        self._monotonic = monotonic
        self._wall = wall
        self._inbox: list[Batch] = []
        self._body = Body()
        self._has_own = False
        """Whether the application ever added something itself."""
        self.arrive: Callable[[], None] | None = None
        self._lock = ForkLock(reentrant=True)
        self._is_changing = False
        self._next_cleanup_s = monotonic() + self._interval_s
        self._evicted = {semconv.EVICTED_CAPACITY: 0, semconv.EVICTED_AGE: 0}
        self._outbox: Outbox | None = None
        self._evicted_alone = dict(self._evicted)

    def __len__(self) -> int:
        return len(self._live())

    def __repr__(self) -> str:
        return f"<MetricsStore: {len(self)} of at most {self.max_entries} entries of {self.ttl_hours:g} h>"

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Keep one entry that has just been made; any thread, signal handler or finaliser may call."""
        self._inbox.append((self._monotonic(), (entry,)))
        self._take_in(wait=False)

    def extend(self, entries: Iterable[Entry | Waiting]) -> None:
        """Keep several entries that have just been made, or work whose entries are not made yet, oldest first."""
        self.take(list(entries))

    def take(self, entries: list[Entry | Waiting]) -> None:
        """Do the same, and remove them from the list; at no moment one is in both or in neither."""
        if entries:
            inbox, batch = self._inbox, (self._monotonic(), tuple(entries))
            # Nothing is called until both are done: after a call a signal handler could raise.
            inbox += (batch,)
            del entries[:]
        self._take_in(wait=False)

    def add_entry(self, entry: Mapping[str, Any]) -> None:
        """Keep a copy of the mapping.

        Its `timestamp` may be an aware datetime or a naive one in local time; a missing one is now (aware, UTC). An
        older time stamp ages the entry accordingly, one in the future counts as now.

        Raises:
            TypeError: `timestamp` is not a datetime; nothing is kept then.
        """
        kept = dict(entry)
        timestamp = kept.setdefault("timestamp", datetime.fromtimestamp(self._wall(), UTC))
        if not isinstance(timestamp, datetime):
            raise TypeError(f"timestamp must be a datetime, not {type(timestamp).__name__}.")
        self.insert(kept, self._wall() - timestamp.timestamp())

    def insert(self, kept: Kept, age_s: float) -> None:
        """Keep something that is already `age_s` seconds old, at its place in the order of age; below 0 counts as 0."""
        self._has_own = self._has_own or not isinstance(kept, Entry)
        self._inbox.append((self._monotonic() - max(0.0, age_s), (kept,)))
        self._take_in(wait=False)

    def share(self, since_unix_s: float = -math.inf) -> Outbox:
        """Put every entry, existing ones included, into an outbox to be published as well; returns the outbox.

        Of the entries that had left the outbox, only those that ended at `since_unix_s` or later wait again.
        """
        return self._changing(lambda: self._share(since_unix_s))

    def _share(self, since_unix_s: float) -> Outbox:
        if self._outbox is None:
            self._outbox = Outbox(self.max_entries)
            self._evicted_alone = dict(self._evicted)
        waiting = set(self._outbox.take())
        self._outbox.taken = ()
        for entry in self.live_entries():
            if entry.end_unix_s >= since_unix_s or entry in waiting:
                self._outbox.put(entry)
        return self._outbox

    def forget_parent(self) -> None:
        """Start empty in a forked child: entries and counts here belong to the parent, which still has them."""
        self._is_changing = False
        self._inbox.clear()
        self._body = Body()
        self._evicted = dict.fromkeys(self._evicted, 0)
        self._outbox = None

    def remove(self, matches: Callable[[Kept], bool]) -> int:
        """Remove all that match and return their number; a reset, so they do not count as evicted."""

        def staying() -> int:
            before = len(self._body)
            self._body = Body(aged for aged in self._body.items() if not matches(aged[1]))
            return before - len(self._body)

        return self._changing(staying)

    def cleanup_expired(self) -> int:
        """Free the expired entries and return their number."""
        return self._changing(lambda: self._free_expired(self._monotonic()))

    def _changing(self, change: Callable[[], _Result]) -> _Result:
        """Return what the change returns; it has the lock, and the window has everything that was written before."""
        if self.arrive is not None:
            self.arrive()
        with self._lock:
            if self._inbox:
                self._take_in()
            was, self._is_changing = self._is_changing, True
            try:
                return change()
            finally:
                self._is_changing = was

    def _take_in(self, *, wait: bool = True) -> None:
        """Move the inbox into the window, in its order of age and within its bounds.

        If another thread is doing it, wait for it, or if not `wait` leave the inbox to it or to the next reader. If
        this thread itself was interrupted in it, return: it continues afterwards.
        """
        with suppress(Busy), self._lock.within(-1 if wait else 0):
            if self._is_changing:
                return
            self._is_changing = True
            try:
                self._place_all(self._monotonic())
            finally:
                self._is_changing = False

    def _place_all(self, now_s: float) -> None:
        """Put the inbox into the window, in its order of age; called with the lock held."""
        inbox, body, outbox = self._inbox, self._body, self._outbox
        if not inbox:
            return
        while waiting := inbox[:]:
            while waiting:
                number, born, held = body.next_of(waiting)
                some = [] if outbox is None else chain.from_iterable([batch for _, batch in waiting[:number]])
                shared = [one for one in some if not isinstance(one, dict)]
                # From here to the end of the move nothing is called: after a call a signal handler could raise.
                body.born += born
                body.held += held
                if outbox is not None:
                    outbox.waiting += shared
                del inbox[:number]
                del waiting[:number]
            if outbox is not None:
                outbox.trim()
            self._make_room(now_s)
        body.pack()
        if self.auto_cleanup and now_s >= self._next_cleanup_s:
            self._free_expired(now_s)

    def _make_room(self, now_s: float) -> None:
        """Let the oldest entries leave if there are too many; called with the lock held."""
        surplus = len(self._body) - self.max_entries
        if surplus > 0:
            surplus -= self._body.drop(surplus, now_s - self._ttl_s, self._evicted, semconv.EVICTED_AGE)
            self._body.drop(surplus, math.inf, self._evicted, semconv.EVICTED_CAPACITY)

    def _free_expired(self, now_s: float) -> int:
        body = self._body
        removed = body.drop(len(body), now_s - self._ttl_s, self._evicted, semconv.EVICTED_AGE)
        self._next_cleanup_s = now_s + self._interval_s
        self.last_cleanup_time = datetime.fromtimestamp(self._wall(), UTC)
        return removed

    # -- reading ---------------------------------------------------------------------------------------------------

    def _arrived(self) -> list[Aged]:
        """Return all entries, including everything that finished before the call."""
        return self._changing(self._items)

    def _items(self) -> list[Aged]:
        return self._body.items()

    def _live(self) -> list[Kept]:
        return [kept for _, kept in younger(self._arrived(), self._monotonic() - self._ttl_s)]

    def contents(self) -> Contents:
        """Return entries, counts and evictions of one moment, which belong together."""
        return self._changing(self._contents)

    def _contents(self) -> Contents:
        entries = self._body.entries(self._monotonic() - self._ttl_s, has_own=self._has_own)
        return Contents(entries, self.max_entries, self.ttl_hours, self.evicted(), self._filling().covered_s)

    def filling(self) -> Filling:
        """Return how full the window is; makes no entries."""
        return self._changing(self._filling)

    def _filling(self) -> Filling:
        now_s = self._monotonic()
        oldest_s = self._body.oldest_s(now_s - self._ttl_s)
        number = self._body.number_after(now_s - self._ttl_s, has_own=self._has_own)
        return Filling(number, self.max_entries, 0.0 if oldest_s is None else now_s - oldest_s)

    def live_entries(self, kind: Kind | None = None) -> list[Entry]:
        """Return the entries that have not expired, oldest first, of one kind or of all; not the application's own."""
        entries = entries_of(self._live())
        return entries if kind is None else [entry for entry in entries if entry.kind == kind]

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What has not expired as dictionaries, oldest first."""
        return as_dicts(self._live())

    def get_entries_since(self, since: datetime) -> list[dict[str, Any]]:
        """Return the entries whose time stamp is `since` or later; `since` may be aware or naive local."""
        since_unix_s = since.timestamp()
        return as_dicts(kept for kept in self._live() if unix_s_of(kept) >= since_unix_s)

    def get_expired_entries(self) -> list[dict[str, Any]]:
        """Return the expired entries whose memory has not been freed yet, oldest first."""
        aged = self._arrived()
        oldest_born_s = self._monotonic() - self._ttl_s
        return as_dicts(kept for born_s, kept in aged if born_s <= oldest_born_s)

    def evicted(self) -> dict[str, int]:
        """Return how many entries left the window so far, by reason: ``capacity`` or ``age``.

        While the window is shared, the state counts evictions from the shared one; this counts those from the outbox.
        """
        if self._outbox is None:
            return dict(self._evicted)
        capacity = self._evicted_alone[semconv.EVICTED_CAPACITY] + self._outbox.dropped
        return {**self._evicted_alone, semconv.EVICTED_CAPACITY: capacity}

    def get_statistics(self) -> dict[str, Any]:
        """Describe the window.

        `total_entries` are the live ones, `expired_count` those not freed yet, `oldest_entry_age_hours` is 0.0 for an
        empty window, `storage_utilization_percent` is 0 to 100; `warning` is a sentence from 80 % and None below.
        """
        return self._changing(self._statistics)

    def _statistics(self) -> dict[str, Any]:
        body, now_s = self._body, self._monotonic()
        oldest_s, expired = body.oldest_s(now_s - self._ttl_s), body.number_until(now_s - self._ttl_s)
        live = len(body) - expired
        utilization_percent = 100.0 * live / self.max_entries
        warning = None
        if utilization_percent >= WARN_UTILIZATION_PERCENT:
            warning = f"Storage is {utilization_percent:.1f} % full: {live} of {self.max_entries} entries."
        return {
            "total_entries": live,
            "max_entries": self.max_entries,
            "ttl_hours": self.ttl_hours,
            "expired_count": expired,
            "oldest_entry_age_hours": 0.0 if oldest_s is None else (now_s - oldest_s) / 3600,
            "storage_utilization_percent": utilization_percent,
            "warning": warning,
        }

    def export_to_json(self) -> dict[str, Any]:
        """Return `entries` (time stamps as ISO 8601 text) and `statistics`, ready for a JSON encoder."""
        rows = self.entries
        for row in rows:
            row["timestamp"] = row["timestamp"].isoformat()
        return {"entries": rows, "statistics": self.get_statistics()}

    def adopt(self, other: "MetricsStore", *, entries: bool) -> None:
        """Continue the other window's counts (no counter falls) and, on request, its entries within own bounds."""
        handed_over = other._changing(other._handed_over)  # noqa: SLF001 - the same class
        evicted, evicted_alone, self._outbox, aged, has_own = handed_over
        self._evicted, self._evicted_alone = dict(evicted), dict(evicted_alone)
        self._has_own = self._has_own or has_own
        with self._lock:
            for one in aged if entries else ():
                self._body.born.append(one[0])
                self._body.held.append(one[1])
                self._make_room(one[0])
            self._body.pack()

    def _handed_over(self) -> tuple[dict[str, int], dict[str, int], Outbox | None, list[Aged], bool]:
        return self._evicted, self._evicted_alone, self._outbox, self._body.items(), self._has_own
