"""Promises of :mod:`hydrochat_otel.instrumentation.tracker` and :mod:`hydrochat_otel.instrumentation.generators`."""

import asyncio
import functools
import gc
import inspect
import threading
from datetime import UTC, datetime, timedelta

import pytest
from instrumentation.tracked_readings import counted, kept
from opentelemetry import trace

from hydrochat_otel.instrumentation import refusals
from hydrochat_otel.instrumentation.tracker import (
    get_performance_metrics,
    track_response_time,
)


class BoomError(Exception):
    """What the tests' functions raise."""


@track_response_time("plain")
def plain(value):
    """Doc of plain."""
    if value is None:
        raise BoomError("a message that must not appear")
    return value


@track_response_time("coroutine")
async def coroutine(value):
    await asyncio.sleep(0)
    if value is None:
        raise BoomError
    return value


@track_response_time("generator")
def generator(limit):
    for number in range(limit):
        received = yield number
        if received == "boom":
            raise BoomError
        if received is not None:
            yield received
    return "returned"


@track_response_time("asyncgen")
async def asyncgen(limit):
    for number in range(limit):
        await asyncio.sleep(0)
        received = yield number
        if received is not None:
            yield received


def test_a_function_is_timed_and_otherwise_unchanged(installed):
    """The result passes, name and docs stay, one entry and one measurement appear."""
    assert plain(7) == 7
    assert (plain.__name__, plain.__doc__, inspect.signature(plain).parameters.keys()) == (
        "plain",
        "Doc of plain.",
        {"value"},
    )
    [row] = get_performance_metrics().response_times
    assert row.keys() == {"operation", "duration", "timestamp", "exceeded_threshold", "error"}
    assert (row["operation"], row["exceeded_threshold"], row["error"]) == ("plain", False, None)
    assert 0 < row["duration"] < 2
    assert abs(row["timestamp"] - datetime.now(UTC)) < timedelta(seconds=30)
    assert counted(installed) == {("plain", "root"): 1}


def test_an_exception_is_recorded_and_passes_untouched(installed, exported):
    """The same object is raised, its class is recorded, its message appears nowhere."""
    error = BoomError("S1234567D")

    @track_response_time("raises")
    def raises():
        raise error

    with pytest.raises(BoomError) as caught:
        raises()
    assert caught.value is error
    assert kept() == [("raises", "BoomError")]
    assert counted(installed) == {("BoomError", "raises", "root"): 1}
    [span] = exported.get_finished_spans()
    assert (span.status.status_code, span.status.description, span.events) == (trace.StatusCode.ERROR, None, ())


@pytest.mark.parametrize(
    ("function", "check"),
    [
        (plain, inspect.isfunction),
        (coroutine, inspect.iscoroutinefunction),
        (generator, inspect.isgeneratorfunction),
        (asyncgen, inspect.isasyncgenfunction),
    ],
)
def test_the_kind_of_function_stays(function, check):
    """Frameworks that look at the kind of function see the same kind as before."""
    assert check(function)


async def test_a_coroutine_is_timed(installed):
    """Awaited, raising and cancelled coroutines are each recorded once; a cancellation is not an error."""
    assert await coroutine(7) == 7
    with pytest.raises(BoomError):
        await coroutine(None)

    @track_response_time("waits")
    async def waits():
        await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept() == [("coroutine", None), ("coroutine", "BoomError"), ("waits", None)]
    assert [row.outcome for row in installed.snapshot().operations()] == ["ok", "error", "cancelled"]


def test_a_generator_is_timed_from_first_step_to_end(installed):
    """Yields, sends and the return value pass; calling it alone measures nothing."""
    running = generator(2)
    assert kept() == []
    assert [next(running), running.send("sent"), next(running)] == [0, "sent", 1]
    with pytest.raises(StopIteration) as stopped:
        next(running)
    assert stopped.value.value == "returned"
    assert kept() == [("generator", None)]


def test_a_generator_that_fails_or_is_given_up(installed):
    """Raising inside, thrown into, closed early and dropped: each is recorded exactly once."""
    failing = generator(2)
    next(failing)
    with pytest.raises(BoomError):
        failing.send("boom")
    thrown = generator(2)
    next(thrown)
    with pytest.raises(BoomError):
        thrown.throw(BoomError())
    closed = generator(2)
    next(closed)
    closed.close()
    dropped = generator(2)
    next(dropped)
    del dropped
    gc.collect()
    assert [(row.error, row.outcome) for row in installed.snapshot().operations()] == [
        ("BoomError", "error"),
        ("BoomError", "error"),
        (None, "cancelled"),
        (None, "cancelled"),
    ]


async def test_an_async_generator_is_timed(installed):
    """Steps, sends, closing and throwing pass through an asynchronous generator, too."""
    assert [item async for item in asyncgen(3)] == [0, 1, 2]
    running = asyncgen(2)
    assert [await anext(running), await running.asend("sent"), await anext(running)] == [0, "sent", 1]
    await running.aclose()
    thrown = asyncgen(2)
    await anext(thrown)
    with pytest.raises(BoomError):
        await thrown.athrow(BoomError())
    assert [(row.error, row.outcome) for row in installed.snapshot().operations()] == [
        (None, "ok"),
        (None, "cancelled"),
        ("BoomError", "error"),
    ]


def test_nothing_stays_attached_across_a_yield(installed):
    """Between two steps of a generator the caller's own span is current; inside, the operation's is."""
    inside = []

    @track_response_time("steps")
    def steps():
        inside.append(trace.get_current_span())
        yield
        inside.append(trace.get_current_span())

    running = steps()
    before = trace.get_current_span()
    next(running)
    assert trace.get_current_span() is before
    assert next(running, None) is None
    assert inside[0] is inside[1] is not before


def test_the_context_manager_nests_and_is_shared(installed):
    """One tracker in nested blocks, threads and tasks gives every block its own time and parent."""
    tracker = track_response_time("block")
    with tracker, tracker:
        pass
    threads = [threading.Thread(target=lambda: tracker.__enter__().__exit__(None, None, None)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(BoomError), tracker:
        raise BoomError
    rows = installed.snapshot().operations()
    assert [row.error for row in rows] == [None] * 10 + ["BoomError"]
    assert (rows[0].parent_span_id, rows[1].parent_span_id) == (rows[1].span_id, 0)


async def test_overlapping_blocks_of_one_tracker_keep_their_own_times(installed):
    """Two tasks in the same tracker that end in the order they began do not swap their operations."""
    tracker, first_may_end, second_began = track_response_time("block"), asyncio.Event(), asyncio.Event()
    spans = {}

    async def first():
        with tracker:
            spans["first"] = trace.get_current_span().get_span_context().span_id
            await second_began.wait()

    async def second():
        with tracker:
            spans["second"] = trace.get_current_span().get_span_context().span_id
            second_began.set()
            await first_may_end.wait()

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    await tasks[0]
    first_may_end.set()
    await tasks[1]
    assert [row.span_id for row in installed.snapshot().operations()] == [spans["first"], spans["second"]]


def test_recursion_and_children(installed):
    """A recursive function gives one operation per call, each the child of its caller."""

    @track_response_time("down")
    def down(levels):
        return levels and down(levels - 1)

    down(2)
    inner, middle, outer = installed.snapshot().operations()
    assert (inner.parent_span_id, middle.parent_span_id, outer.parent_span_id) == (middle.span_id, outer.span_id, 0)
    assert len({inner.trace_id, middle.trace_id, outer.trace_id}) == 1


def test_methods_partials_and_callables(installed):
    """Methods, static and class methods, partials and callable objects can be decorated."""

    class Service:
        @track_response_time("method")
        def method(self):
            return self

        @staticmethod
        @track_response_time("static")
        def static():
            return 1

        @classmethod
        @track_response_time("class")
        def klass(cls):
            return cls

        async def __call__(self):
            return 2

    service = Service()
    assert (service.method(), service.static(), service.klass()) == (service, 1, Service)
    assert track_response_time("partial")(functools.partial(int, "7"))() == 7
    assert asyncio.run(track_response_time("callable")(service)()) == 2
    assert [name for name, _ in kept()] == ["method", "static", "class", "partial", "callable"]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [((None,), TypeError), (("x", -1.0), ValueError), (("x", float("nan")), ValueError)],
)
def test_mistakes_are_refused_when_decorating(arguments, kind):
    """A name that is not a text and an invalid threshold are refused at once."""
    with pytest.raises(kind):
        track_response_time(*arguments)


def test_a_name_that_may_identify_a_person_is_not_kept(installed):
    """An operation named with a record number runs, and is counted as `other`."""
    with track_response_time("lookup S1234567D"):
        pass
    assert kept() == [("other", None)]
    assert refusals.by_label() == {"operation": 1}
