"""Threads of ours in another program's process: an exception does not end them, and a thread may fail to start.

A host may have no threads left (a container's limit on processes), or be ended by a signal whose handler interrupts our
own code. Nothing here raises because of the first or waits forever because of the second.
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
    except BaseException as error:
        failures.note(
            "threads",
            error,
            sentence="No thread can be started here. Counting continues, and the numbers are brought up to date when "
            "they are read; regular work (publishing, alerts, the port) does not run.",
        )
        return None
    return thread


def repeat(stop: threading.Event, interval_s: float, step: Callable[[], float | None], *, component: str) -> None:
    """Call the step repeatedly until the event is set; an exception of the step is counted and changes nothing.

    Args:
        stop: Ends the repetition.
        interval_s: Seconds before each call.
        step: Returns seconds to the next call, or None for the interval.
        component: The component under which failures are counted.
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
            failures.note(component, error, own_thread=True)
            delay_s = max(interval_s, _AFTER_FAILURE_S)


def guarded(step: Callable[[], object], *, component: str) -> None:
    """Run the step in a thread of ours; an exception is counted and not raised."""
    try:
        step()
    except BaseException as error:
        failures.note(component, error, own_thread=True)


def within(timeout_s: float, step: Callable[[], object], *, component: str) -> bool:
    """Run the step in a thread of its own and wait for it up to the timeout; return whether it ended.

    Used at shutdown: a signal handler may call this while its own thread holds a lock that the step needs. The step
    then keeps waiting in its thread, which does not keep the process alive. If no thread can be started, as at the
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
    except BaseException as error:
        failures.note(component, error, quiet=True)
        work()
    return ended.wait(timeout_s)
