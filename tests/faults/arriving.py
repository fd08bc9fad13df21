"""Lets a signal of the host arrive at each moment of our code; its handler runs where the interpreter runs it.

The interpreter runs a handler after a call, at the end of a loop's turn and at the start of a function. So a signal
that is pending before each of these covers every place at which the handler can raise.
"""

import _thread
import dis
import functools
import signal
import sys
import threading
from collections import defaultdict

from faults.interrupting import OURS, TimeLimitError, apart, raises

from hydrochat_otel.runtime import forks
from hydrochat_otel.runtime.forks import Busy

_PLACES = frozenset(code for name, code in dis.opmap.items() if name.startswith(("CALL", "PRECALL", "JUMP_BACKWARD")))


class Arrival:
    """A trace function: makes the signal pending at the n-th moment; `place` is where that was, or None.

    `first` and `last` hold the first and the last moment at each place of the code.
    """

    def __init__(self, nth):
        self.moments = 0
        self.first, self.last = {}, {}
        self.place = None
        self._nth = nth
        self._codes = {}
        # Indexing is no call, so the trace function ends before the handler runs.
        self._arrives = defaultdict(functools.partial(_thread.interrupt_main, signal.SIGUSR1))

    def __call__(self, frame, event, argument):
        code = frame.f_code
        if not code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if code not in self._codes:
                self._codes[code] = code.co_code
            if self._codes[code][frame.f_lasti] not in _PLACES:
                return self
        elif event not in {"call", "return"}:
            return self
        self.moments += 1
        place = (code, event, frame.f_lasti)
        self.first.setdefault(place, self.moments)
        self.last[place] = self.moments
        if self.moments == self._nth and not _is_observed(frame):
            self.place = (code.co_qualname, event, frame.f_lineno)
            while frame is not None:  # else the handler would run in this function, at the next event
                frame.f_trace = None
                frame = frame.f_back
            self._arrives["signal"]
            return None
        return self


def _is_observed(frame):
    """Whether the SDK calls the function for an observable instrument: it drops and logs what is raised there."""
    while frame is not None:
        if frame.f_code.co_name == "callback" and frame.f_globals["__name__"].startswith("opentelemetry.sdk.metrics"):
            return True
        frame = frame.f_back
    return False


class Dropped:
    """Collects the time limits that Python itself drops: those in a finaliser and in a callback of a weak reference."""

    def __init__(self):
        self.count = 0

    def __enter__(self):
        self._before, sys.unraisablehook = sys.unraisablehook, self
        return self

    def __exit__(self, *_):
        sys.unraisablehook = self._before

    def __call__(self, unraisable):
        if unraisable.exc_type is TimeLimitError:
            self.count += 1
        else:
            self._before(unraisable)


def arrived(do, nth):
    """Do it with the signal at the n-th moment; return what was raised, and the arrival.

    What Python itself drops counts as raised.
    """
    arrival, raised = Arrival(nth), None
    before = signal.signal(signal.SIGUSR1, raises)
    with Dropped() as dropped:
        try:
            sys.settrace(arrival)
            try:
                apart(do)
            finally:
                sys.settrace(None)
        except BaseException as error:
            raised = error
        finally:
            signal.signal(signal.SIGUSR1, before)
    return TimeLimitError() if dropped.count else raised, arrival


def held_locks(within_s=5.0):
    """Return the locks that stay held, as another thread sees them."""
    held = []

    def look():
        for lock in forks._living():
            try:
                with lock.within(within_s):
                    pass
            except Busy:
                held.append(lock)

    looking = threading.Thread(target=look)
    looking.start()
    looking.join()
    return held
