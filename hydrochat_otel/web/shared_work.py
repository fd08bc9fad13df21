"""Work that is done once for all requests that wait for it at the same moment, unless it is quick.

A request shares only work that begins after the request has arrived, so it gets everything that was recorded before.
Requests that the server has read while others were answered share quick work, too.
"""

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from hydrochat_otel.runtime.forks import ForkLock

T = TypeVar("T")

_GATHER_S: Final = 4e-4
"""A pause for each request of the last batch, in which the threads of other requests deliver their answers and arrive:
the interpreter runs one thread at a time, for up to 5 ms."""
_LONGEST_S: Final = 4e-3
"""The longest pause."""
_QUICK_CPU_S: Final = 1e-3
_QUICK_S: Final = 5e-3
"""Work that takes less time, and less of the processor, is done for each request: waiting for a turn costs more."""
_LOOK_EACH: Final = 8
"""Of requests that come alone, each of this number pauses, to find out whether others have begun to come."""


class _Batch(Generic[T]):
    """Requests that wait for the same work: how many, and the result once one of them has done it."""

    __slots__ = ("requests", "results")

    def __init__(self) -> None:
        self.requests = 0
        self.results: list[T] = []


class SharedWork(Generic[T]):
    """Does work for one request at a time, and gives the result to those that arrived before it began.

    While the work is quick, no request waits: it does its own, unless the newest result is from after its arrival. If
    the work fails, its request fails, and the next one that waits does it itself.
    """

    def __init__(self) -> None:
        self._turn = ForkLock()
        self._waiting: _Batch[T] = _Batch()
        self._turns = 0
        self._pause_s = 0.0
        self._is_quick = False
        self._newest: tuple[float, T] | None = None
        """When the newest quick work began, and its result."""

    def done(self, work: Callable[[], T], *, arrived_s: float | None = None) -> T:
        """Return the result of the work; any thread may call.

        Args:
            work: Makes the result.
            arrived_s: The monotonic time at which the request arrived; None is now.

        Raises:
            Exception: What the work raised in this thread.
        """
        newest = self._newest
        if newest is not None and arrived_s is not None and newest[0] > arrived_s:
            return newest[1]
        if self._is_quick:
            return self._measured(work)
        batch = self._waiting
        batch.requests += 1  # two threads may lose one: the number decides about a pause only
        with self._turn:
            if batch.results:
                return batch.results[0]
            self._turns += 1
            if self._pause_s or self._turns % _LOOK_EACH == 0:
                time.sleep(self._pause_s or _GATHER_S)
            self._waiting = _Batch()  # a request that arrives from now on waits for the next turn
            result = self._measured(work)
            batch.results.append(result)
            gathers = batch.requests > 1 and not self._is_quick
            self._pause_s = min(_GATHER_S * batch.requests, _LONGEST_S) if gathers else 0.0
            return result

    def _measured(self, work: Callable[[], T]) -> T:
        began_s, began_cpu_s = time.monotonic(), time.thread_time()
        result = work()
        took_cpu_s, took_s = time.thread_time() - began_cpu_s, time.monotonic() - began_s
        self._is_quick = took_cpu_s < _QUICK_CPU_S and took_s < _QUICK_S
        self._newest = (began_s, result) if self._is_quick else None
        return result

    def forget(self) -> None:
        """Forget the newest result."""
        self._newest = None
