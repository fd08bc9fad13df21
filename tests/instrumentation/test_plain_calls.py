"""Promise: a decorated plain function is recorded exactly as the same code in a `with` block, in every surrounding."""

import asyncio
import pickle
from contextlib import nullcontext

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from hydrochat_otel.instrumentation import instruments, refusals
from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation
from hydrochat_otel.instrumentation.tracked import Tracked
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import deferred_queue

HOSTS = {
    "sampled": lambda: TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False),
    "not sampled": lambda: TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False),
    "no tracer": trace.NoOpTracerProvider,
}
REMOTE = SpanContext(0x1234, 0x77, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
AROUND = {
    "nothing": nullcontext,
    "an operation": lambda: track_response_time("outer"),
    "a step": lambda: track_response_time("inner step"),
    "the same operation": lambda: track_response_time("work"),
    "a span of the host": lambda: trace.use_span(NonRecordingSpan(SpanContext(5, 6, is_remote=False))),
    "a remote parent": lambda: trace.use_span(NonRecordingSpan(REMOTE)),
    "a span that is not valid": lambda: trace.use_span(trace.INVALID_SPAN),
}


class BoomError(Exception):
    """What the tests' functions raise."""


@pytest.fixture(params=HOSTS)
def recorded(request, monkeypatch):
    """Install for a host of each kind; returns the records of finished work as they come."""
    installed = pipeline.install(
        tracer_provider=HOSTS[request.param](),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        instrument_gemini=False,
    )
    found = []

    def put(_, finished):
        if not isinstance(finished, FinishedOperation):
            labels, ended_s, duration_s, *around = finished
            trace_id, span_id, _, flags, *_ = (around and around[0]) or trace.INVALID_SPAN_CONTEXT
            ids = trace_id, span_id, span_id, bool(flags & 1)
            ended = Ended(duration_s, int(ended_s * 1e9), "ok", None, *ids)
            finished = FinishedOperation(*ended, labels, False)
        found.append(finished)

    installed.instruments.queue.room = 0  # a call then puts its record by the function
    monkeypatch.setattr(deferred_queue.DeferredQueue, "put", put)
    yield found
    installed.shutdown()


def ended_span():
    """Return what is not random of the current span's context."""
    current = trace.get_current_span().get_span_context()
    return current.is_valid, current.is_remote, int(current.trace_flags), len(context.get_current())


def facts(finished, seen):
    """Return what must be the same of two records and of what the code inside saw."""
    ended = finished.ended
    ids = (
        ended.trace_id in {0x1234, 5, 0},
        bool(ended.span_id),
        ended.parent_span_id in {0x77, 6, 0},
        ended.span_id == ended.parent_span_id,
        ended.is_sampled,
        ended.is_traced,
    )
    assert ended.duration_s > 0
    assert ended.end_unix_ns > 0
    shown, labels = finished.entry(), finished.labels
    return (
        (ended.outcome, ended.error_type, ids, finished.exceeded),
        (labels.using, labels.name, labels.role, labels.root),
        seen,
        shown._replace(duration_s=0, end_unix_s=0, trace_id=0, span_id=0, parent_span_id=0),
    )


def do(seen, error):
    seen.append(ended_span())
    if error is not None:
        raise error
    return seen


@pytest.mark.parametrize("threshold_s", [None, 0.0])
@pytest.mark.parametrize("error", [None, BoomError(), asyncio.CancelledError(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("around", AROUND)
def test_a_decorated_function_is_recorded_as_a_block(recorded, monkeypatch, around, error, threshold_s):
    """Names, role, root, outcome, error, violation, ids and the context inside are the same."""
    monkeypatch.setattr(
        deferred_queue.DeferredQueue, "note", lambda _, make: recorded.append(make().finished), raising=True
    )
    tracker = track_response_time("work", threshold_s)
    expectation = nullcontext() if error is None else pytest.raises(type(error))

    def with_block(seen):
        with tracker:
            return do(seen, error)

    both = []
    for call in (with_block, tracker(lambda seen: do(seen, error))):
        with AROUND[around]():
            before, seen, number = context.get_current(), [], len(recorded)
            with expectation:
                assert call(seen) is seen
            assert context.get_current() is before
            assert len(recorded) == number + 1
        both.append(facts(recorded[number], seen))
    assert both[0] == both[1]


def test_work_without_a_tracer_has_no_span_and_stays_countable(recorded):
    """Each entry has an id of its own, whether there is a span or not."""
    work = track_response_time("work")(lambda: None)
    for _ in range(3):
        work()
    assert len({finished.entry().span_id for finished in recorded}) == 3
    assert (not instruments.current().is_traced) == all(not finished.ended.is_traced for finished in recorded)


def test_a_later_install_records_with_its_own_instruments(recorded):
    """A function that was called before continues with the instruments of the pipeline that is current."""
    work = track_response_time("work")(lambda: None)
    work()
    pipeline.shutdown()
    work()
    first, second = recorded
    assert second.labels.using is instruments.current()
    assert first.labels.using is not second.labels.using


def test_a_refused_name_is_counted_with_each_call(recorded):
    """A name that the closed set refuses is `other`, and each refusal is counted, also after the first call."""
    work = track_response_time("a name with spaces")(lambda: None)
    for _ in range(3):
        work()
    assert [finished.labels.name for finished in recorded] == ["other"] * 3
    assert sum(refusals.by_name().values()) == 3


class Awaited(type):
    """The metaclass of classes that can be awaited; what they make cannot."""

    def __await__(cls):
        yield


class Listed(type):
    """The metaclass of classes that can be iterated."""

    def __iter__(cls):
        return iter(())


def test_a_method_of_the_metaclass_is_not_one_of_the_result(installed):
    """A result of such a class is complete, and a callable of such a class cannot be iterated."""

    class Result(metaclass=Awaited):
        pass

    class Caller(metaclass=Listed):
        def __call__(self):
            return Result()

    tracked = track_response_time("made")(Caller())
    assert type(tracked()) is Result
    with pytest.raises(TypeError, match="not iterable"):
        iter(tracked)
    assert [row.outcome for row in installed.snapshot().operations()] == ["ok"]


def test_a_function_can_be_stored_by_value(installed):
    """As `cloudpickle` does to send one to another process: what it holds is stored with it, also after a call."""
    work = track_response_time("stored", 0.5)(lambda: None)
    work()
    [kind] = [cell.cell_contents for cell in work.__closure__ if isinstance(cell.cell_contents, Tracked)]
    stored = pickle.loads(pickle.dumps(kind))
    assert (stored.common().name, stored.threshold_s, stored.known is not None) == ("stored", 0.5, True)
