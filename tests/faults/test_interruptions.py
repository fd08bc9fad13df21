"""Promise: an exception that the host raises into our code at any line passes through, without any other effect."""

import gc
import threading

import pytest
from faults import reentering
from faults.interrupting import SCENARIOS, TimeLimitError, interrupted, track
from opentelemetry import context

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures, interruptions

pytestmark = pytest.mark.thorough

OUTSIDE_OF_ANY_WITH = ("ResponseTimeTracker.__enter__", "ResponseTimeTracker.__exit__")
"""Before the first statement of `__exit__` and after the last of `__enter__` no context manager can act."""


def counts(pipeline):
    """Return the number of operations in the window, and in the histogram."""
    snapshot = pipeline.snapshot()
    kept = len(snapshot.operations())
    counted = sum(sum(point.counts) for point in snapshot.points(semconv.OPERATION_DURATION))
    return kept, counted


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_time_limit_at_every_line_passes_through(installed, scenario):
    """At each line, call and return of ours the limit reaches the host, no context stays, and both counts agree."""
    interrupted(scenario, 10**9)  # warms caches, so that all runs take the same way
    swallowed, left_current, lines = [], [], 0
    gc.disable()  # what is raised in a collection reaches no caller
    while True:
        place, raised = interrupted(scenario, lines)
        if place is None:
            break
        lines += 1
        if not isinstance(raised, TimeLimitError):
            swallowed.append((place, raised))
        if context.get_current():
            left_current.append(place)
            context.attach(context.Context())
    gc.enable()
    gc.collect()
    assert (swallowed, failures.counts()) == ([], {})
    assert [place for place in left_current if place[0] not in OUTSIDE_OF_ANY_WITH] == []
    assert len(left_current) <= (4 if scenario == "block" else 0)
    kept, counted = counts(installed)
    assert kept == counted > 0
    assert lines > 100


def test_a_failure_of_ours_is_not_taken_for_the_hosts():
    """An exception of code that we called, or of a line of ours, is a failure; one that was set in ours is not."""

    def is_host_error(raise_it):
        try:
            raise_it()
        except BaseException as error:
            return interruptions.is_the_hosts(error)

    def exporter():
        raise TimeLimitError

    def exits():
        raise SystemExit

    def interrupt():
        raise KeyboardInterrupt

    assert [is_host_error(exporter), is_host_error(exits), is_host_error(interrupt)] == [False, False, True]
    set_in_ours = TimeLimitError()
    set_in_ours.__traceback__ = _traceback_in_ours()
    ours = ValueError()
    ours.__traceback__ = _traceback_in_ours()
    assert [interruptions.is_the_hosts(set_in_ours), interruptions.is_the_hosts(ours)] == [True, False]


def _traceback_in_ours():
    try:
        track(None)
    except TypeError as error:
        return error.__traceback__


@pytest.mark.timeout(60)
def test_a_tracked_call_in_a_signal_handler_never_hangs(installed):
    """A handler that tracks, reads the window and collects, at every line of ours, ends; both counts agree."""
    threads = threading.active_count()
    for scenario in SCENARIOS:
        events = 0
        while reentering.reentered(scenario, events, installed):
            events += 1
        assert events > 100
    assert threading.active_count() < threads + 20
    kept, counted = counts(installed)
    assert kept == min(counted, 1000) > 500
    assert failures.counts() == {}
