"""A thread that calls functions once a minute, off every call's path, for as long as their objects are in use."""

import threading
import weakref
from functools import partial
from typing import Final, Protocol

from hydrochat_otel.runtime import background, forks

INTERVAL_S: Final = 60.0


class Refreshable(Protocol):
    """What the thread refreshes."""

    def refresh(self) -> None:
        """Check for changes; called from the thread, may take its time."""


class Refresher:
    """Owns one thread of the process, which ends once nothing is left to refresh; any thread may call."""

    def __init__(self) -> None:
        self._watched: weakref.WeakSet[Refreshable] = weakref.WeakSet()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def watch(self, one: Refreshable) -> None:
        """Refresh the object from now on; a second call does nothing, and nothing is raised."""
        self._watched.add(one)
        self._start()

    def forget(self, one: Refreshable) -> None:
        """Stop refreshing the object."""
        self._watched.discard(one)
        if not self._watched:
            self._wake.set()

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        self._wake = threading.Event()
        self._thread = background.start("hydrochat-otel-refresh", partial(self._run, self._wake))

    def _run(self, wake: threading.Event) -> None:
        background.repeat(wake, INTERVAL_S, partial(self._refresh_all, wake), component="prices.refresh")

    def _refresh_all(self, wake: threading.Event) -> None:
        for one in list(self._watched):
            background.guarded(one.refresh, component="prices.refresh")
        if not self._watched:
            wake.set()

    def after_fork_in_child(self) -> None:
        """Start the thread again: only the forking thread survives a fork."""
        self._thread = None
        if self._watched:
            self._start()


refresher: Final = Refresher()
"""The process's own."""

forks.register(forks.Phase.THREADS, in_child=refresher.after_fork_in_child)
