"""Raises a host's time limit at every line that our code runs for a piece of tracked work, one line a run."""

import signal
import sys
from pathlib import Path

import hydrochat_otel
from hydrochat_otel.instrumentation.tracker import track_response_time

OURS = str(Path(hydrochat_otel.__file__).parent)


class TimeLimitError(Exception):
    """An exception of the host's signal handler; derived from Exception, as Celery's soft time limit is."""


def raises(signum, frame):
    raise TimeLimitError


FINALISERS = {"__del__"}
"""Python itself drops an exception in a finaliser, and reports it on stderr."""


class Interrupter:
    """Sends the signal at the n-th event of our frames in this thread; `place` is where that was."""

    def __init__(self, nth):
        self.left = nth
        self.place = None

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event != "exception" and self.place is None and not in_finaliser(frame):
            self.left -= 1
            if self.left < 0:
                self.place = (frame.f_code.co_qualname, event, frame.f_lineno - frame.f_code.co_firstlineno)
                signal.raise_signal(signal.SIGUSR1)
        return self


def in_finaliser(frame):
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        if frame.f_code.co_name in FINALISERS:
            return True
        frame = frame.f_back
    return False


track = track_response_time("swept")


class Pause:
    def __await__(self):
        yield


@track
def plain():
    return "done"


@track
def failing():
    raise KeyError


@track
async def coroutine():
    await Pause()
    return "done"


@track
def generator():
    yield 1
    yield 2


@track
async def async_generator():
    yield 1
    await Pause()
    yield 2


@track
def returning():
    return coroutine.__wrapped__()


def drive(awaitable):
    running = awaitable.__await__()
    try:
        while True:
            running.send(None)
    except StopIteration as stop:
        return stop.value


def run_plain():
    assert plain() == "done"


def run_failing():
    try:
        failing()
    except KeyError:
        return


def run_coroutine():
    assert drive(coroutine()) == "done"


def run_returning():
    assert drive(returning()) == "done"


def run_generator():
    assert list(generator()) == [1, 2]


def run_async_generator():
    async def items():
        return [item async for item in async_generator()]

    assert drive(items()) == [1, 2]


def run_block():
    with track:
        pass


SCENARIOS = {
    "function": run_plain,
    "failing function": run_failing,
    "coroutine": run_coroutine,
    "returned coroutine": run_returning,
    "generator": run_generator,
    "async generator": run_async_generator,
    "block": run_block,
}


def apart(do):
    """Do it in a generator, which has a record of its own of the exception that is being handled.

    A trace function that raises at the end of an `except` block leaves that record wrong for the rest of the thread.
    """

    def steps():
        do()
        yield

    next(steps())


def interrupted(scenario, nth):
    """Run the scenario with the signal at the n-th event; return the place (None after the last) and the result."""
    interrupter = Interrupter(nth)
    before = signal.signal(signal.SIGUSR1, raises)
    raised = None
    sys.settrace(interrupter)
    try:
        apart(SCENARIOS[scenario])
    except BaseException as error:
        raised = error
    finally:
        sys.settrace(None)
        signal.signal(signal.SIGUSR1, before)
    return interrupter.place, raised
