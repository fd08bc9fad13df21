"""Notable turns: slow, failed and expensive ones, kept whole beside the window, for as long as entries live.

On a busy service the newest entries push a turn out of the window within minutes. Here a turn stays for as long as the
window's entries may, in three groups of the same size: the newest failed, the slowest of those above their threshold,
and the most expensive. They are those of this process; a shared state carries them to the others.
"""

import heapq
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import count, zip_longest
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.runtime import forks, process_globals
from hydrochat_otel.runtime.forks import Busy, ForkLock
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.waiting import Waiting, entries_of_work

_BATCH: Final = 128
"""The most entries that wait before they are sorted into turns."""
_WAITING: Final = 8192
_TRACES: Final = 256
_OF_A_TURN: Final = 200
_GROUPS: Final = 3

Turn = tuple[Entry, ...]
"""Its steps and calls in the order in which they ended, then its root."""
_Ranked = tuple[float, int, Turn]


_MOST: Final = 50
_TTL_S: Final = 86_400.0


class _Group:
    """The most notable turns of one kind.

    Attributes:
        ranked: A heap, the least notable turn first.
    """

    def __init__(self, most: int, oldest_unix_s: Callable[[], float]) -> None:
        self.ranked: list[_Ranked] = []
        self._most = most
        self._oldest_unix_s = oldest_unix_s
        self._earliest_unix_s = math.inf
        """No turn ended before it."""

    def keep(self, one: _Ranked) -> bool:
        """Add the turn, and drop the least notable one if there are too many; return whether it is another one."""
        ranked = self.ranked
        self._earliest_unix_s = min(self._earliest_unix_s, one[2][-1].end_unix_s)
        if len(ranked) < self._most:
            heapq.heappush(ranked, one)
            return True
        oldest_unix_s = self._oldest_unix_s()
        if self._earliest_unix_s > oldest_unix_s:
            return heapq.heappushpop(ranked, one) is not one
        ranked[:] = [each for each in (*ranked, one) if each[2][-1].end_unix_s > oldest_unix_s]
        heapq.heapify(ranked)
        if len(ranked) > self._most:
            heapq.heappop(ranked)
        self._earliest_unix_s = min((each[2][-1].end_unix_s for each in ranked), default=math.inf)
        return True

    def keep_all(self, some: Sequence[_Ranked], calls: list[Entry]) -> bool:
        """Do the same with several turns, sorted once instead of one after another, and empty the list of their calls.

        Both happen in one step: if a signal handler raises, a turn is kept and its call is not waiting, or neither.
        """
        ranked, earliest_unix_s = self.ranked, min([one[2][-1].end_unix_s for one in some])
        if min(earliest_unix_s, self._earliest_unix_s) <= self._oldest_unix_s():
            calls.clear()
            return sum([self.keep(one) for one in some]) > 0
        self._earliest_unix_s = min(earliest_unix_s, self._earliest_unix_s)
        kept = sorted([*ranked, *some])[-self._most :]  # in ascending order they are a heap
        ranked[:], calls[:] = kept, ()
        return max(some) >= kept[0]


class _Ranking:
    """The most notable turns of each kind; its caller holds a lock while it adds, and may read without it."""

    def __init__(self, most: int, oldest_unix_s: Callable[[], float]) -> None:
        each = -(-most // _GROUPS)
        self._failed, self._slow, self._dear = (_Group(each, oldest_unix_s) for _ in range(_GROUPS))
        self._numbers = count()
        self._kept = 0
        self._read: tuple[int, tuple[Turn, ...]] = (0, ())

    def add(self, turn: Turn) -> None:
        """Keep the turn in each group where it is notable enough."""
        is_another = True
        try:
            is_another = self._keep(turn)
        finally:  # a signal handler may raise after it was kept
            self._kept += is_another

    def _keep(self, turn: Turn) -> bool:
        root = turn[-1]
        number = next(self._numbers)
        is_another = False
        if root.error is not None or root.outcome in semconv.FAILED_OUTCOMES:
            is_another |= self._failed.keep((root.end_unix_s, number, turn))
        if root.exceeded_threshold:
            is_another |= self._slow.keep((root.duration_s, number, turn))
        if (cost_usd := sum([one.cost_usd for one in turn if one.cost_usd])) > 0:
            is_another |= self._dear.keep((cost_usd, number, turn))
        return is_another

    def add_good(self, calls: list[Entry]) -> None:
        """Keep calls that ended well, each a turn by itself, and empty the list."""
        ranked = [(one.cost_usd, next(self._numbers), (one,)) for one in calls if one.cost_usd and one.cost_usd > 0]
        if not ranked:
            calls.clear()
            return
        is_another = True
        try:
            is_another = self._dear.keep_all(ranked, calls)
        finally:  # a signal handler may raise after they were kept
            self._kept += is_another

    def turns(self) -> tuple[Turn, ...]:
        """Return the turns, the most notable of each kind first; the same tuple until another turn is kept."""
        kept = self._kept  # before reading: a turn that is kept meanwhile makes the answer old
        if self._read[0] != kept:
            ranked = [sorted(group.ranked, reverse=True) for group in (self._failed, self._slow, self._dear)]
            found = {one[1]: one[2] for place in zip_longest(*ranked) for one in place if one is not None}
            self._read = kept, tuple(found.values())
        return self._read[1]


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
        self._most, self._ttl_s = self._bounds
        self._inbox: deque[Entry | Waiting] = deque(maxlen=_WAITING)
        self._good: list[Entry] = []
        """Good calls out of the inbox that are not compared with the kept turns yet."""
        self._open: OrderedDict[int, list[Entry | Waiting]] = OrderedDict()
        self._ranking = _Ranking(self._most, self._oldest_unix_s)

    def see(self, entries: Iterable[Entry | Waiting]) -> None:
        """Take finished work: it is appended, and regularly all of it is sorted into turns."""
        some = tuple(entries)
        if self._most and (self._inbox or self._open or not _are_unremarkable(some)):
            self._inbox.extend(some)
            if len(self._inbox) >= _BATCH:
                self._sort(timeout_s=0)

    def entries(self) -> list[Entry]:
        """Return every entry of the kept turns, in the order in which the entries ended."""
        oldest_unix_s = self._oldest_unix_s()
        found = [entry for turn in self.turns() if turn[-1].end_unix_s > oldest_unix_s for entry in turn]
        return sorted(found, key=lambda entry: entry.end_unix_s)

    def turns(self) -> tuple[Turn, ...]:
        """Return the kept turns, the most notable of each kind first; the same tuple until another turn is kept.

        Turns whose time to live has ended may be among them.
        """
        self._sort(timeout_s=1.0)
        return self._ranking.turns()

    def _oldest_unix_s(self) -> float:
        return self._wall() - self._ttl_s

    def _sort(self, timeout_s: float) -> None:
        # Without waiting on the application's path: the entries wait for the next one, or for the next reading.
        with suppress(Busy), self._lock.within(timeout_s):
            good = self._good  # what is in it stays if a signal handler raises
            for _ in range(len(self._inbox)):
                try:
                    entry = self._inbox.popleft()
                except IndexError:
                    break
                if isinstance(entry, Entry) and _is_good_call(entry) and entry.trace_id not in self._open:
                    good.append(entry)
                    continue
                if good:
                    self._ranking.add_good(good)
                self._sort_in(entry)
            if good:
                self._ranking.add_good(good)

    def _sort_in(self, one: Entry | Waiting) -> None:
        if isinstance(one, Entry):
            if begins_a_turn(one):
                self._ranking.add(entries_of_work([*self._open.pop(one.trace_id, ()), one]))
            elif one.trace_id:
                self._put_inside(one.trace_id, one)
            return
        ended = one.ended
        trace_id = ended.trace_id
        if one.role == "step":
            if trace_id:
                self._put_inside(trace_id, one)
            return
        inside = self._open.pop(trace_id, ()) if self._open else ()
        # Without a call inside it costs nothing.
        if one.exceeded or ended.outcome != "ok" or ended.error_type is not None or Entry in map(type, inside):
            self._ranking.add(entries_of_work([*inside, one]))

    def _put_inside(self, trace_id: int, one: Entry | Waiting) -> None:
        inside = self._open.setdefault(trace_id, [])
        self._open.move_to_end(trace_id)
        if len(inside) < _OF_A_TURN:
            inside.append(one)
        if len(self._open) > _TRACES:
            self._open.popitem(last=False)

    def make_entries(self) -> None:
        """Make the entries of all work that waits for it, so that nothing holds what recorded the work."""
        self._sort(timeout_s=1.0)
        with suppress(Busy), self._lock.within(1.0):
            for inside in self._open.values():
                inside[:] = entries_of_work(inside)


def _are_unremarkable(work: Sequence[Entry | Waiting]) -> bool:
    """Return whether all of it is work without a notable turn, which is seen without looking at each."""
    kinds: set[Any] = set(map(type, work))
    return len(kinds) == 1 and Entry not in kinds and bool(kinds.pop().are_unremarkable(work))


def most_notable(turns: Iterable[Turn], most: int, oldest_unix_s: float) -> tuple[Turn, ...]:
    """Return the most notable ones of the turns, within the bounds of :class:`NotableTurns`."""
    ranking = _Ranking(most, lambda: oldest_unix_s)
    for turn in turns:
        ranking.add(turn)
    return ranking.turns()


def begins_a_turn(entry: Entry) -> bool:
    """Return whether a caller waited for it: a step, or a call inside an operation, is part of another turn."""
    if entry.kind == "operation":
        return entry.role != "step"
    return entry.kind == "gemini" and entry.root_operation is None


def _is_good_call(entry: Entry) -> bool:
    """Return whether it is a call by itself that ended well: only its cost can make it notable."""
    kind, _, _, _, exceeded, error, outcome, _, _, _, _, _, _, _, root, *_ = entry
    return kind == "gemini" and root is None and error is None and outcome == "ok" and not exceeded


notable_turns: Final = NotableTurns()
"""Of this process."""

forks.register(forks.Phase.WINDOW, in_child=notable_turns.clear)


def _forget() -> None:
    notable_turns.configure(_MOST, _TTL_S)
    notable_turns.clear()


process_globals.register("notable turns", _forget)
