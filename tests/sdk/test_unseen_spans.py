"""Promises of :mod:`hydrochat_otel.sdk.unseen_spans`: a dropped span is what the SDK makes, if something looks."""

import gc
import random

import pytest
from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import RandomIdGenerator, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from sdk.dropped import LOCAL_PARENT, dropping, needs_unseen_spans, operations

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.late_contexts import KnowingTracer, Probe
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import watched_tracer

STATE = TraceState([("a", "b")])
AROUND = {
    "nothing": Context(),
    "a value": Context({"key": "value"}),
    "a remote parent": SpanContext(3, 4, is_remote=True, trace_state=STATE),
    "a random trace": SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(2)),
    "a local parent": LOCAL_PARENT,
    "a sampled parent": SpanContext(9, 10, is_remote=True, trace_flags=TraceFlags(1)),
    "an invalid parent": trace.INVALID_SPAN_CONTEXT,
}
SAMPLERS = {
    "off": ALWAYS_OFF,
    "default": DEFAULT_ON,
    "parent off": ParentBased(ALWAYS_OFF),
    "odd": ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF, remote_parent_sampled=ALWAYS_OFF),
    "ratio": TraceIdRatioBased(0.5),
    "never": TraceIdRatioBased(0.0),
    "parent ratio": ParentBasedTraceIdRatio(0.5),
}
pytestmark = needs_unseen_spans


class Counting(Sampler):
    """Drops every span, and counts its calls."""

    def __init__(self):
        self.calls = 0

    def should_sample(self, *args, **kwargs):
        self.calls += 1
        return SamplingResult(Decision.DROP, None, STATE)

    def get_description(self):
        return "Counting"


class CountedIds(RandomIdGenerator):
    """Counts the ids that it makes."""

    made = 0

    def generate_trace_id(self):
        self.made += 1
        return super().generate_trace_id()


def around_of(name):
    """Return the context around a call."""
    given = AROUND[name]
    if isinstance(given, Context):
        return given
    return trace.set_span_in_context(NonRecordingSpan(given), Context({"key": "value"}))


def seen():
    """Return what code inside a call sees of its span."""
    span = trace.get_current_span()
    own, headers = span.get_span_context(), {}
    propagate.inject(headers)
    return type(span).__name__, span.is_recording(), tuple(own), headers, len(context.get_current())


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_code_inside_sees_what_the_sdk_makes(sampler, around):
    """Ids, flags, state, headers and the number of values are those of a `with` block, drawn in the same order."""
    installed = dropping(SAMPLERS[sampler])
    tracker = track_response_time("work")
    work, found = tracker(seen), []
    work()
    for seed in range(8):  # some are sampled by a ratio
        both = []
        for call in (tracker, work):
            random.seed(seed)
            token = context.attach(around_of(around))
            if call is work:
                both.append(work())
            else:
                with tracker:
                    both.append(seen())
            context.detach(token)
        assert both[0][2:] == both[1][2:]
        assert both[0][1] == both[1][1]
        found += both
    of_work = operations(installed)[-len(found) :]
    assert [(entry.trace_id, entry.span_id) for entry in of_work] == [one[2][:2] for one in found]
    assert failures.counts() == {}


def test_a_call_in_which_nothing_looks_draws_no_id():
    """Its entry has no trace, and what it counts is the same."""
    installed = dropping(ALWAYS_OFF)
    work = track_response_time("work")(lambda: None)
    work()
    random.seed(1)
    before = random.getstate()
    for _ in range(3):
        work()
    assert random.getstate() == before
    first, *others = operations(installed)
    assert first.trace_id
    assert [entry.trace_id for entry in others] == [0] * 3
    assert len({entry.span_id for entry in others}) == 3
    assert [sum(point.counts) for point in installed.snapshot().points(semconv.OPERATION_DURATION)] == [4]


def test_a_call_inside_a_request_that_is_not_sampled_belongs_to_its_trace():
    """Also a step of an operation that nothing else looks at: parent, role and root are those of a `with` block."""
    installed = dropping(ParentBased(ALWAYS_ON))
    step = track_response_time("step")(lambda: None)
    turn = track_response_time("turn")(lambda: [step(), step()])
    with trace.use_span(NonRecordingSpan(AROUND["a remote parent"])):
        for _ in range(2):
            turn()
    *_, first, second, outer = operations(installed)
    assert {entry.trace_id for entry in (first, second, outer)} == {3}
    assert (outer.parent_span_id, outer.role) == (4, "root")
    assert {(one.parent_span_id, one.role, one.root_operation) for one in (first, second)} == {
        (outer.span_id, "step", "turn")
    }
    assert len({one.span_id for one in (first, second, outer)}) == 3


def test_a_sampler_of_the_hosts_is_asked_for_every_call():
    """As often as before, and its trace state is the span's."""
    sampler = Counting()
    dropping(sampler)
    work = track_response_time("work")(lambda: trace.get_current_span().get_span_context())
    assert [work().trace_state for _ in range(5)] == [STATE] * 5
    assert sampler.calls == 5


def test_an_id_generator_of_the_hosts_is_asked_for_every_call():
    """As often as before, whether something looks or not."""
    ids = CountedIds()
    dropping(ALWAYS_OFF, id_generator=ids)
    work = track_response_time("work")(lambda: None)
    for _ in range(5):
        work()
    assert ids.made == 5


def test_a_sampler_or_generator_that_is_replaced_counts_from_the_next_call():
    """The tracer tells what was set, also whether it is enabled."""
    installed = dropping(ALWAYS_OFF)
    tracer = installed.instruments.tracer._tracer
    work = track_response_time("work")(seen)
    assert [work()[1] for _ in range(2)] == [False, False]
    tracer.sampler = ALWAYS_ON
    assert work()[1]
    tracer.sampler, tracer.id_generator = TraceIdRatioBased(0.0), CountedIds()
    assert not work()[1]
    assert tracer.id_generator.made == 1
    tracer.id_generator = RandomIdGenerator()
    tracer._set_tracer_config(type(tracer._tracer_config)(is_enabled=False))
    assert work()[2] == tuple(trace.INVALID_SPAN_CONTEXT)


def test_a_sampler_that_is_replaced_during_a_call_counts_from_the_next_one():
    """Also where a context waits for it."""
    installed = dropping(ALWAYS_OFF)
    tracer = installed.instruments.tracer._tracer
    work = track_response_time("work")(seen)
    unseen = track_response_time("work")(lambda: setattr(tracer, "sampler", ALWAYS_ON))
    for _ in range(3):
        tracer.sampler = ALWAYS_OFF
        assert not work()[1]
        track_response_time("work")(lambda: None)()
        unseen()
        assert work()[1]


def test_every_pipeline_on_a_provider_hears_what_is_set():
    """The SDK may give the second one the tracer of the first."""
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    for _ in range(3):
        installed = dropping(of=provider)
        assert isinstance(installed.instruments.tracer, KnowingTracer)
        tracer = installed.instruments.tracer._tracer
        work = track_response_time("work")(seen)
        tracer.sampler = ALWAYS_OFF
        assert not work()[1]
        tracer.sampler = ALWAYS_ON
        assert work()[1]


def test_those_that_watch_a_tracer_are_not_kept():
    """A provider that lives long does not keep what former pipelines made."""
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    tracer = provider.get_tracer("test")
    kept, called = Probe(), []
    for one in (kept, Probe(), Probe()):
        watched_tracer.watch(tracer, one, lambda _, watcher: called.append(watcher))
    del one
    gc.collect()
    tracer.sampler = ALWAYS_ON
    assert called == [kept]
    assert tracer.sampler is ALWAYS_ON


@pytest.mark.parametrize("sampler", [TraceIdRatioBased(0.25), ParentBasedTraceIdRatio(0.25)], ids=["ratio", "parent"])
def test_a_ratio_of_the_roots_is_sampled(sampler):
    """The trace's id decides once: sampled ones are below the bound, and others are not."""
    dropping(sampler)
    random.seed(7)
    work = track_response_time("work")(seen)
    found = [work()[2] for _ in range(2000)]
    assert 400 < sum(one[3] & 1 for one in found) < 600
    bound = TraceIdRatioBased.get_bound_for_rate(0.25)
    assert all((one[0] & (2**64 - 1) < bound) == bool(one[3] & 1) for one in found)


class BoomError(Exception):
    """What a call raises."""


@pytest.mark.parametrize("end", ["raises", "slow", "unfinished"])
def test_a_call_that_ends_in_another_way_has_the_ids_that_code_saw(end):
    """It continues as an operation with the same span."""
    installed, found = dropping(ALWAYS_OFF), []

    def function():
        if end == "unfinished":
            return (found.append(seen()) for _ in range(1))
        found.append(seen())
        if end == "raises":
            raise BoomError
        return None

    work = track_response_time("work", 0.0 if end == "slow" else None)(function)
    for _ in range(2):
        try:
            list(work() or ())
        except BoomError:
            assert end == "raises"
    assert [(entry.trace_id, entry.span_id) for entry in operations(installed)] == [one[2][:2] for one in found]
    assert {entry.outcome for entry in operations(installed)} == {"error" if end == "raises" else "ok"}
    assert {entry.exceeded_threshold for entry in operations(installed)} == {end == "slow"}


def test_most_calls_take_the_short_way():
    """On this interpreter: a call in which nothing looks is noted in three fields, one inside something in four."""
    queue = dropping(ALWAYS_OFF).instruments.queue
    queue.stop()
    work = track_response_time("work")(lambda: None)
    work()
    work()
    assert len(queue.arrived[-1]) == 3
    with trace.use_span(NonRecordingSpan(AROUND["a local parent"])):
        work()
    assert queue.arrived[-1][3] == AROUND["a local parent"]


class Odd:
    """An id generator that can make ids and nothing else."""

    def generate_trace_id(self):
        return 1

    def generate_span_id(self):
        return 2


def test_an_id_generator_that_can_only_make_ids_costs_no_call():
    """Each is recorded, without a span."""
    installed = dropping(ALWAYS_OFF, id_generator=Odd())
    work = track_response_time("work")(lambda: 7)
    assert [work(), work()] == [7, 7]
    assert len(operations(installed)) == 2
    assert failures.counts().keys() == {"operation.start"}
