"""Finished work of one kind is fed to its instruments together, once for each drain.

To find an instrument's place, to lock it and to choose an exemplar costs more than to add a value. So the work of a
drain waits by its kind, and each kind feeds its instruments in one step when the drain ends.
"""

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from hydrochat_otel.runtime import failures, forks
from hydrochat_otel.runtime.forks import Phase

_MOST_WAITING: Final = 4096
"""Pieces of work of one kind that wait; more of them are fed at once."""

_Work = TypeVar("_Work")


class Kind(ABC, Generic[_Work]):
    """Finished work that feeds the same instruments with the same attributes. Any thread may call.

    Args:
        due: The kinds that are fed together.
    """

    __slots__ = ("_due", "_waiting")

    def __init__(self, due: "Due") -> None:
        self._due = due
        self._waiting: deque[_Work] = deque()

    def take(self, work: _Work) -> None:
        """Take one piece of finished work; it is fed at the next flush."""
        self._waiting.append(work)
        self._due.kinds[self] = None
        if len(self._waiting) > _MOST_WAITING:
            self.flush()

    def take_first(self, work: list[_Work], number: int) -> None:
        """Take so many of the first in the list, and remove them from it; at no moment one is in both or in neither."""
        waiting, due, some = self._waiting, self._due.kinds, work[:number]
        # Nothing is called from here on: after a call a signal handler could raise.
        waiting += some
        del work[:number]
        due[self] = None
        if len(waiting) > _MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Feed what waits; raises only what the host raised into it, and what is not being fed then waits again."""
        waiting, due, work = self._waiting, self._due.kinds, list[_Work]()
        is_fed = False
        try:
            # Nothing is called until all is done: after a call another thread could add a piece.
            if self in due:
                del due[self]
            work += waiting
            waiting.clear()
            if work:
                is_fed = True
                self.feed(work)
        except BaseException as error:
            if not is_fed:
                waiting.extendleft(reversed(work))
                due[self] = None
            failures.note("queue.record", error)

    def forget(self) -> None:
        """Discard what waits."""
        self._waiting.clear()

    @abstractmethod
    def feed(self, work: list[_Work]) -> None:
        """Feed the work, at least one piece, to the instruments."""


class Due:
    """The kinds that have work to feed.

    Attributes:
        kinds: They, each once, in the order of their first work; a kind adds itself.
    """

    def __init__(self) -> None:
        self.kinds: dict[Kind[Any], None] = {}
        forks.register(Phase.QUEUE, in_child=self._forget_parent)

    def flush(self) -> None:
        """Feed all work that waits; raises only what the host raised into it."""
        while self.kinds:
            for kind in [*self.kinds]:  # one that another thread feeds meanwhile has nothing left
                kind.flush()

    def _forget_parent(self) -> None:
        # The parent measured this work; it still has it and feeds it.
        for kind in tuple(self.kinds):
            kind.forget()
        self.kinds.clear()


def grouped(waiting: list[Any], *columns: list[Any]) -> list[tuple[tuple[Any, ...], int]]:
    """Bring the first in the list together by their keys, of which each column has a part.

    Returns:
        The keys in the order of the groups, and the number of each group.
    """
    number = len(columns[0])
    if all(column.count(column[0]) == number for column in columns):
        return [(tuple(column[0] for column in columns), number)]
    groups = defaultdict[Any, list[Any]](list)
    for one, key in zip(waiting[:number], zip(*columns, strict=True), strict=True):
        groups[key].append(one)
    waiting[:number] = chain.from_iterable(groups.values())
    return [(key, len(group)) for key, group in groups.items()]
