"""An event loop in a thread of its own, for clients whose connections belong to one loop.

A synchronous Django host makes a new event loop for every request. Connections cannot move between loops, so a client
inside one would connect again each time, and fail if it keeps a connection from a closed loop. Here they stay open.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hydrochat_otel.runtime import forks
from hydrochat_otel.runtime.forks import ForkLock, Phase

_T = TypeVar("_T")


class LoopThread:
    """Runs coroutines of any event loop in one loop of its own, whose daemon thread starts on first use.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = ForkLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        forks.register(Phase.THREADS, in_child=self._forget_parent)

    async def run(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine function in the loop of the thread and return its result or raise its exception.

        It sees the caller's context variables, so spans keep their parents. Cancelling the caller cancels it.
        """
        loop = self._started()
        if asyncio.get_running_loop() is loop:
            return await work()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), loop))

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
            return self._loop

    def _forget_parent(self) -> None:
        # The thread stayed in the parent, with all work of its loop.
        self._loop = None
