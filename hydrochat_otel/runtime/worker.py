"""A thread of ours that does regular work, and on request what must not be interrupted half-way.

A signal handler of the host can raise at any line of the main thread, and another thread can set an exception in any
thread of the host's, but neither reaches this one. If a caller's wait is interrupted, the thread still does the work.
"""

import _thread
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from hydrochat_otel.runtime import background

_END_S: Final = 5.0
"""How long :meth:`Worker.stop` waits for the step that is under way."""
_LOOK_S: Final = 0.5
"""How often a caller that waits makes sure that the thread still runs."""


class _Request:
    __slots__ = ("done", "urgent", "work")

    def __init__(self, work: Callable[[], object], *, urgent: bool = False) -> None:
        self.work = work
        self.urgent = urgent
        self.done = _thread.allocate_lock()  # a lock of the interpreter: a signal handler may wait for another request
        self.done.acquire()


_Requests = queue.SimpleQueue[_Request]
_END: Final = _Request(lambda: None)


class Worker:
    """Calls a step every interval, and :meth:`do` what others request; an exception is counted and changes nothing.

    Requests arrive through a queue of the interpreter that a finaliser or signal handler may use at any line.

    Args:
        name: Name of the thread.
        interval_s: Seconds before each call of the step.
        step: The regular work.
        component: The component under which failures are counted.
    """

    def __init__(self, name: str, interval_s: float, step: Callable[[], object], *, component: str) -> None:
        self._name = name
        self._interval_s = interval_s
        self._step = step
        self._component = component
        self._requests: _Requests = queue.SimpleQueue()
        self._postponed: deque[_Request] = deque()
        self._thread: threading.Thread | None = None

    @property
    def thread(self) -> threading.Thread | None:
        """The thread; None before the start, after the stop, and where no thread can be started."""
        return self._thread

    @property
    def is_elsewhere(self) -> bool:
        """Whether the thread runs and is not the calling one."""
        thread = self._thread
        return thread is not None and thread.ident != threading.get_ident() and thread.is_alive()

    def start(self) -> None:
        """Start the thread, with an empty queue: in a forked child, the requests belong to the parent."""
        requests: _Requests = queue.SimpleQueue()
        postponed: deque[_Request] = deque()
        self._requests, self._postponed = requests, postponed
        self._thread = background.start(self._name, lambda: self._run(requests, postponed))

    def stop(self) -> None:
        """End the thread after what was requested before; waits for seconds at most."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._requests.put(_END)
            if thread.ident != threading.get_ident():
                thread.join(timeout=_END_S)

    def do(self, work: Callable[[], object], timeout_s: float, *, urgent: bool = False) -> bool:
        """Have the thread do the work, wait for it up to the timeout, and return whether it was done.

        After the timeout the thread still does it. It does nothing if it is the calling one, or does not run.

        Args:
            work: What to do; an exception is counted.
            timeout_s: The longest wait.
            urgent: Whether a step that calls :meth:`serve` may do it before it continues.
        """
        if not self.is_elsewhere:
            return False
        request = _Request(work, urgent=urgent)
        self._requests.put(request)
        deadline_s = time.monotonic() + timeout_s
        while not request.done.acquire(timeout=max(0.0, min(_LOOK_S, deadline_s - time.monotonic()))):
            if time.monotonic() >= deadline_s or not self.is_elsewhere:
                return False
        return True

    def serve(self) -> None:
        """Do what is urgent; a long step calls it between its parts. Does nothing in another thread."""
        requests, thread = self._requests, self._thread
        if requests.empty() or thread is None or thread.ident != threading.get_ident():
            return
        while (request := _next(requests, 0)) is not None:
            if request.urgent:
                self._fulfil(request)
            else:
                self._postponed.append(request)

    def _run(self, requests: _Requests, postponed: deque[_Request]) -> None:
        due_s = time.monotonic() + self._interval_s
        while True:
            request = postponed.popleft() if postponed else _next(requests, max(0.0, due_s - time.monotonic()))
            if request is _END:
                return
            if request is not None:
                self._fulfil(request)
            if time.monotonic() >= due_s:
                background.guarded(self._step, component=self._component)
                due_s = time.monotonic() + self._interval_s

    def _fulfil(self, request: _Request) -> None:
        background.guarded(request.work, component=self._component)
        request.done.release()


def _next(requests: _Requests, timeout_s: float) -> _Request | None:
    try:
        return requests.get(timeout=timeout_s)
    except queue.Empty:
        return None
