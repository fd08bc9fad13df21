"""Work that is suspended in one context and closed in another: by the loop's end, another thread, or the collector."""

import contextvars
import gc
import logging

import pytest
from google.genai import types
from opentelemetry import context as context_api, trace

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.answer_check import demanding
from hydrochat_otel.instrumentation.attribution import cost_dimensions
from hydrochat_otel.instrumentation.gemini import guarded_call, tools, wrappers
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.prices.book import PriceBook

CALLS = Calls(PriceBook(None))


class Pause:
    """Suspends once."""

    def __await__(self):
        yield


async def request(*_arguments, **_named):
    """What the SDK would do."""
    await Pause()


async def failing(*_arguments, **_named):
    """The same, with a clean-up that needs the loop that has ended."""
    try:
        await Pause()
    finally:
        raise RuntimeError


def calls():
    return CALLS


def unary(function):
    return wrappers.unary_async(function, calls, "generate_content")(None, model="gemini-2.5-flash")


def step(function):
    call = guarded_call.begin_stream(calls, "generate_content", None, {"model": "gemini-2.5-flash"})
    return call.step_async(function)


def opening(function):
    call = guarded_call.begin_stream(calls, "generate_content", None, {"model": "gemini-2.5-flash"})
    return call.around_async(function)


def tool(function):
    return tools.run_async(function, calls, "")({}, function_to_invoke=request)


def announced(function):
    called = types.Part(function_call=types.FunctionCall(name="look", id="1"))
    reply = types.GenerateContentResponse(candidates=[types.Candidate(content=types.Content(parts=[called]))])
    return tools.answered_async(function, calls, "")(reply, {})


WORK = {"call": unary, "step": step, "opening": opening, "tool": tool, "answers": announced}


def suspended(make, function):
    """Work in a context of its own, and whether it has one of ours there."""
    own = contextvars.copy_context()
    work = own.run(make, function)
    own.run(work.send, None)
    return work, own.run(context_api.get_current)


@pytest.mark.parametrize("function", [request, failing])
@pytest.mark.parametrize("name", WORK)
def test_the_context_of_who_closes_it_stays(name, function, meters):
    """Neither the span nor anything else that is current there changes."""
    work, inside = suspended(WORK[name], function)
    assert inside
    with meters.tracer_provider.get_tracer("host").start_as_current_span("host") as span:
        before = context_api.get_current()
        try:
            work.close()
        except RuntimeError:
            assert function is failing
        assert context_api.get_current() is before
        assert trace.get_current_span() is span


@pytest.mark.parametrize("name", WORK)
def test_in_its_own_context_the_one_from_before_returns(name, meters):
    """The same context without ours in it."""
    own = contextvars.copy_context()
    with meters.tracer_provider.get_tracer("host").start_as_current_span("host"):
        own = contextvars.copy_context()
        before = context_api.get_current()
    work = own.run(WORK[name], request)
    own.run(work.send, None)
    assert own.run(context_api.get_current) is not before
    own.run(work.close)
    assert own.run(context_api.get_current) is before


def test_a_call_that_is_closed_or_collected_is_cancelled(meters):
    """Its end is noted, and its span ends when the queue drains: a finaliser holds any lock."""
    work, _ = suspended(unary, request)
    work.close()
    assert not meters.exporter.get_finished_spans()
    works = [suspended(unary, request)[0]]
    works.append(works)
    del works, work
    gc.collect()
    assert [span.attributes[semconv.OUTCOME] for span in meters.spans] == ["cancelled", "cancelled"]


@pytest.mark.parametrize("block", [lambda: cost_dimensions(tier="gold"), lambda: demanding(bool)])
def test_a_block_in_a_generator_may_be_left_elsewhere(block, caplog, meters):
    """Nothing is logged, and the context there stays."""

    def chunks():
        with block():
            yield

    work = chunks()
    contextvars.copy_context().run(next, work)
    with (
        caplog.at_level(logging.DEBUG),
        meters.tracer_provider.get_tracer("host").start_as_current_span("host") as span,
    ):
        work.close()
        assert trace.get_current_span() is span
    assert not caplog.records
