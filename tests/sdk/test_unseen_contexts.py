"""Promise: code that looks at the context of a call whose span is dropped sees what an ordinary one has."""

import asyncio
import contextvars
import sys
import threading

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan
from sdk.dropped import LOCAL_PARENT, dropping, needs_unseen_spans, operations

from hydrochat_otel.instrumentation.late_contexts import LateContext
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import unseen_spans

pytestmark = needs_unseen_spans


def kept_context():
    return context.get_current()


def copied():
    return contextvars.copy_context()


@pytest.mark.parametrize("keep", [kept_context, copied])
def test_what_can_look_later_sees_the_ids_of_the_entry(keep):
    """Code that holds the context, or a copy of all contexts, finds the ids that the entry has."""
    installed, kept = dropping(ALWAYS_OFF), []
    work = track_response_time("work")(lambda: kept.append(keep()))
    work()
    work()
    for one, entry in zip(kept, operations(installed), strict=True):
        span = one.run(trace.get_current_span) if keep is copied else trace.get_current_span(one)
        own = span.get_span_context()
        assert own.is_valid
        assert (entry.trace_id, entry.span_id) == (own.trace_id, own.span_id)


def test_a_task_that_begins_inside_sees_the_ids_of_the_entry():
    """The task runs after the call has ended."""
    installed, tasks = dropping(ALWAYS_OFF), []

    async def later():
        return trace.get_current_span().get_span_context()

    work = track_response_time("work")(lambda: tasks.append(asyncio.ensure_future(later())))

    async def main():
        work()
        work()
        return await asyncio.gather(*tasks)

    own = asyncio.run(main())
    assert [(one.trace_id, one.span_id) for one in own] == [
        (entry.trace_id, entry.span_id) for entry in operations(installed)
    ]


def test_threads_that_look_at_the_same_time_see_the_same_span():
    """Also while each of them makes it."""
    dropping(ALWAYS_OFF)
    track_response_time("work")(lambda: None)()
    switch, results = sys.getswitchinterval(), []
    sys.setswitchinterval(1e-6)

    def look(one, barrier):
        barrier.wait()
        results.append((id(trace.get_current_span(one)), len(one)))

    try:
        for _ in range(50):
            results.clear()
            found, barrier = [], threading.Barrier(4)
            work = track_response_time("work")(lambda found=found: found.append(context.get_current()))
            work()
            work()
            threads = [threading.Thread(target=look, args=(found[-1], barrier)) for _ in range(4)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            assert len(set(results)) == 1
    finally:
        sys.setswitchinterval(switch)


def current_id():
    """Return which object the context inside is; does not look at what is in it."""
    return id(context.get_current())


def test_a_context_that_nothing_has_seen_serves_the_next_call():
    """One that something looked at, or holds, does not; nor does one inside something."""
    dropping(ALWAYS_OFF)
    tracker, kept = track_response_time("work"), []
    unseen, looking = tracker(current_id), tracker(lambda: (current_id(), trace.get_current_span())[0])
    keeping = tracker(lambda: (current_id(), kept.append(context.get_current()))[0])
    unseen()
    first = unseen()
    assert [unseen() for _ in range(3)] == [first] * 3
    assert keeping() == first
    assert unseen() != first
    with trace.use_span(NonRecordingSpan(LOCAL_PARENT)):
        other = unseen()
    assert unseen() != other
    looking()
    assert trace.get_current_span(kept[0]).get_span_context().is_valid
    assert len({trace.get_current_span(one).get_span_context().span_id for one in (*kept, context.Context())}) == 2


def test_calls_that_overlap_have_contexts_of_their_own():
    """Of an operation inside another of the same name, and of threads at the same time: each has its own ids."""
    installed = dropping(ALWAYS_OFF)
    inside = track_response_time("work")
    switch, number = sys.getswitchinterval(), 200
    sys.setswitchinterval(1e-6)
    found = []

    def look():
        own = trace.get_current_span().get_span_context()
        found.append((own.trace_id, own.span_id))

    plain, looking = inside(lambda: None), inside(look)

    def run():
        for _ in range(number):
            plain()
            looking()

    threads = [threading.Thread(target=run) for _ in range(4)]
    try:
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    finally:
        sys.setswitchinterval(switch)
    assert len(set(found)) == len({trace_id for trace_id, _ in found}) == 4 * number
    seen = {(entry.trace_id, entry.span_id) for entry in operations(installed)}
    assert len(seen) == min(8 * number, 1000)
    assert failures.counts() == {}


def test_each_way_to_look_at_a_context_shows_its_values():
    """Every method of a dictionary, and the interpreter's own ways to copy one."""
    dropping(ALWAYS_OFF)
    looks = [
        dict,
        list,
        len,
        bool,
        repr,
        set,
        lambda one: {**one},
        lambda one: one | {},
        lambda one: {} | one,
        lambda one: one == {},
        lambda one: one != {},
        lambda one: list(reversed(one)),
        lambda one: one.copy(),
        lambda one: one.get("key"),
        lambda one: "key" in one,
        lambda one: [one.keys(), one.items(), one.values()],
        Context,
        lambda one: context.set_value("other", 1, one),
        lambda one: baggage.set_baggage("other", 1, one),
    ]
    for look in looks:
        work = track_response_time("work")(lambda look=look: (context.get_current(), look(context.get_current())))
        with trace.use_span(NonRecordingSpan(LOCAL_PARENT)):
            work()
            inside, first = work()
            assert not isinstance(inside, LateContext)
            assert repr(look(inside)) == repr(first)
            assert len(inside) == 2


@pytest.mark.parametrize("method", sorted({*vars(dict), "__reduce__", "__reduce_ex__"}))
def test_no_method_of_a_dictionary_passes_by(method):
    """A method that a new version of Python adds to dictionaries looks, too."""
    creating = {"__new__", "__init__", "__getattribute__", "__sizeof__", "__class_getitem__", "fromkeys"}
    if callable(getattr(dict, method)) and method not in creating:
        assert vars(LateContext)[method].__name__ == "look"


@pytest.mark.parametrize("fails", ["make_span", "get_span_context"])
def test_a_failure_while_something_looks_stays_inside(monkeypatch, fails):
    """The code inside sees the context around, and the failure counts."""
    installed = dropping(ALWAYS_OFF)
    work = track_response_time("work")(lambda: context.get_value("key"))
    work()
    if fails == "make_span":
        monkeypatch.setattr(unseen_spans.UnseenContext, "make_span", lambda _: 1 / 0)
        context_around = Context({"key": "value"})
    else:
        span = NonRecordingSpan(LOCAL_PARENT)
        span.get_span_context = lambda: 1 / 0
        context_around = trace.set_span_in_context(span, Context({"key": "value"}))
    token = context.attach(context_around)
    assert work() == "value"
    context.detach(token)
    assert failures.counts().keys() <= {"operation.start", "operation.finish"}
    assert len(operations(installed)) == 2
