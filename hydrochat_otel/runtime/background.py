"""Threads of ours in another program's process: they survive what their work raises, and may be impossible to start.

A host may have no threads left (a container's limit on processes), or be ended by a signal whose handler runs in the
middle of our own code. Nothing here raises because of the first or waits for ever because of the second.
"""

import _thread
import threading
from collections.abc import Callable

from hydrochat_otel.runtime import failures

_AFTER_FAILURE_S = 0.1


def start(name: str, target: Callable[[], object]) -> threading.Thread | None:
    """Start a daemon thread; return None if the process cannot have another one, which is counted and logged once."""
    try:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
    except (RuntimeError, MemoryError, OSError) as error:
        failures.note(
            "threads",
            error,
            sentence="No thread can be started here. Counting goes on, and the numbers are brought up to date whenever "
            "they are read; what is done regularly (publishing, alerts, the port) is not.",
        )
        return None
    return thread


def repeat(stop: threading.Event, interval_s: float, step: Callable[[], float | None], *, component: str) -> None:
    """Call the step again and again until the event is set; what the step raises is counted and changes nothing.

    Args:
        stop: Ends the repetition.
        interval_s: Seconds before each call.
        step: Returns seconds to the next call, or None for the interval.
        component: Under which failures are counted.
    """
    delay_s = interval_s
    while True:
        try:
            while not stop.wait(delay_s):
                delay_s = interval_s
                next_s = step()
                delay_s = interval_s if next_s is None else next_s
            return  # noqa: TRY300 - the loop inside is the work
        except BaseException as error:  # also MemoryError: the next call may have more
            failures.note(component, error)
            delay_s = max(interval_s, _AFTER_FAILURE_S)


def guarded(step: Callable[[], object], *, component: str) -> None:
    """Do the step; what it raises is counted and goes no further."""
    try:
        step()
    except BaseException as error:
        failures.note(component, error)


def within(timeout_s: float, step: Callable[[], object], *, component: str) -> bool:
    """Do the step in a thread of its own and wait for it, at most so long; return whether it ended.

    For ends: a signal handler may call them while its own thread holds a lock that the step needs. The step then goes
    on waiting in its thread, which does not keep the process alive. If no thread can be started, as at the
    interpreter's exit, the step runs here.

    The thread is not started by `threading`: `Thread.start` takes a lock of the process, and the thread that the
    handler interrupted may hold it.
    """
    ended = threading.Event()

    def work() -> None:
        try:
            guarded(step, component=component)
        finally:
            ended.set()

    try:
        _thread.start_new_thread(work, ())
    except (RuntimeError, MemoryError, OSError):
        work()
    return ended.wait(timeout_s)
