"""Notable turns: slow, failed and expensive ones, kept whole beside the window, for as long as entries live.

On a busy service the newest entries push a turn out of the window within minutes. Here a turn stays for as long as the
window's entries may, in three groups of the same size: the newest failed, the slowest of those above their threshold,
and the most expensive. They are those of this process.
"""

import heapq
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Final

from hydrochat_otel.runtime import forks, process_globals
from hydrochat_otel.runtime.forks import Busy, ForkLock
from hydrochat_otel.window.entry import Entry

_BATCH: Final = 128
"""The most entries that wait before they are sorted into turns."""
_WAITING: Final = 8192
_TRACES: Final = 256
_OF_A_TURN: Final = 200
_FAILED: Final = frozenset({"error", "blocked"})
_GROUPS: Final = 3

_Turn = tuple[float, int, tuple[Entry, ...]]


_MOST: Final = 50
_TTL_S: Final = 86_400.0


class NotableTurns:
    """A bounded set of whole turns; any thread, signal handler or finaliser may add an entry.

    Args:
        most: Turns that are kept; 0 keeps none.
        ttl_s: Seconds after which a turn leaves.
        wall: Seconds since the epoch.
    """

    def __init__(self, most: int = _MOST, ttl_s: float = _TTL_S, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._lock = ForkLock()
        self._bounds = most, ttl_s
        self.clear()

    def configure(self, most: int, ttl_s: float) -> None:
        """Change the bounds; different bounds discard the turns."""
        if self._bounds != (most, ttl_s):
            self._bounds = most, ttl_s
            self.clear()

    def clear(self) -> None:
        """Discard every turn, as a forked child does: they belong to its parent."""
        most, self._ttl_s = self._bounds
        self._each = -(-most // _GROUPS)
        self._inbox: deque[Entry] = deque(maxlen=_WAITING)
        self._open: OrderedDict[int, list[Entry]] = OrderedDict()
        self._failed: list[_Turn] = []
        self._slow: list[_Turn] = []
        self._dear: list[_Turn] = []
        self._numbers = count()

    def see(self, entries: Iterable[Entry]) -> None:
        """Take finished entries: they are appended, and regularly all that wait are sorted into turns."""
        if self._each:
            self._inbox.extend(entries)
            if len(self._inbox) >= _BATCH:
                self._sort(timeout_s=0)

    def entries(self) -> list[Entry]:
        """Return every entry of the kept turns, in the order in which the entries ended."""
        self._sort(timeout_s=1.0)
        oldest_unix_s = self._wall() - self._ttl_s
        turns = {number: turn for group in self._groups() for _, number, turn in list(group)}
        found = [entry for turn in turns.values() if turn[-1].end_unix_s > oldest_unix_s for entry in turn]
        return sorted(found, key=lambda entry: entry.end_unix_s)

    def _groups(self) -> tuple[list[_Turn], ...]:
        return self._failed, self._slow, self._dear

    def _sort(self, timeout_s: float) -> None:
        # Without waiting on the application's path: the entries wait for the next one, or for the next reading.
        with suppress(Busy), self._lock.within(timeout_s):
            for _ in range(len(self._inbox)):
                try:
                    entry = self._inbox.popleft()
                except IndexError:
                    return
                self._sort_in(entry)

    def _sort_in(self, entry: Entry) -> None:
        if not _is_root(entry):
            if entry.trace_id:
                inside = self._open.setdefault(entry.trace_id, [])
                self._open.move_to_end(entry.trace_id)
                if len(inside) < _OF_A_TURN:
                    inside.append(entry)
                if len(self._open) > _TRACES:
                    self._open.popitem(last=False)
            return
        inside = self._open.pop(entry.trace_id, [])
        failed = entry.error is not None or entry.outcome in _FAILED
        if not (inside or failed or entry.exceeded_threshold or entry.cost_usd):
            return
        turn = (*inside, entry)
        number = next(self._numbers)
        if failed:
            self._keep(self._failed, (entry.end_unix_s, number, turn))
        if entry.exceeded_threshold:
            self._keep(self._slow, (entry.duration_s, number, turn))
        cost_usd = sum(one.cost_usd or 0.0 for one in turn)
        if cost_usd > 0:
            self._keep(self._dear, (cost_usd, number, turn))

    def _keep(self, group: list[_Turn], turn: _Turn) -> None:
        """Add the turn to its group, and drop the group's least notable one if there are too many."""
        heapq.heappush(group, turn)
        if len(group) > self._each:
            oldest_unix_s = self._wall() - self._ttl_s
            live = [one for one in group if one[2][-1].end_unix_s > oldest_unix_s]
            if len(live) < len(group):
                group[:] = live
                heapq.heapify(group)
            if len(group) > self._each:
                heapq.heappop(group)


def _is_root(entry: Entry) -> bool:
    """Return whether a caller waited for it and no operation of ours surrounds it."""
    if entry.kind == "operation":
        return entry.role != "step"
    return entry.kind == "gemini" and entry.root_operation is None


notable_turns: Final = NotableTurns()
"""Of this process."""

forks.register(forks.Phase.WINDOW, in_child=notable_turns.clear)


def _forget() -> None:
    notable_turns.configure(_MOST, _TTL_S)
    notable_turns.clear()


process_globals.register("notable turns", _forget)
