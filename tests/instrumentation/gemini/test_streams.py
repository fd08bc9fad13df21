"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.streams`."""

import asyncio
import gc
import inspect
import os
import time

import pytest
from hypothesis import given, strategies as st
from instrumentation.gemini.client_calls import read, read_async
from instrumentation.gemini.scenario_runner import FLASH, open_client
from instrumentation.gemini.scenarios import WORDS
from opentelemetry import trace

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.guarded_call import guarded
from hydrochat_otel.instrumentation.gemini.streams import WatchedStream
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.testing.replies import Part, Reply, Usage, answer

THOUGHTFUL = Reply(
    parts=(Part(text="hm", thought=True), Part(text="hm", thought=True), Part(text="Keep "), Part(text="dry.")),
    usage=Usage(prompt=10, answer=4, thinking=8),
    delay_s=0.05,
    chunk_delay_s=0.05,
)


@pytest.mark.parametrize("run", [read(), read_async()], ids=["sync", "async"])
def test_thoughts_are_chunks_and_not_an_answer(run, emulator, meters, instrumentor):
    """The first chunk may be a thought, later ones count in the time per chunk; answers have a time of their own."""
    emulator.script(THOUGHTFUL)
    client = open_client(emulator)
    if inspect.iscoroutinefunction(run):
        asyncio.run(run(client))
    else:
        run(client)
    ((_, first_count, first_s),) = meters.points(semconv.GEN_AI_TIME_TO_FIRST_CHUNK)
    ((_, gap_count, gap_s),) = meters.points(semconv.GEN_AI_TIME_PER_OUTPUT_CHUNK)
    meters.instruments.queue.drain()
    ((_, answer_count, answer_s),) = meters.points(semconv.LLM_FIRST_ANSWER_TOKEN)
    (span,) = meters.spans
    assert (first_count, answer_count, gap_count) == (1, 1, 3)
    assert first_s == span.attributes[semconv.GEN_AI_FIRST_CHUNK_S]
    assert 0 < first_s < answer_s < first_s + gap_s


def test_span_and_metric_measure_the_same_time(emulator, meters, instrumentor):
    """A stream that takes 0.3 s on the wire takes as long in the span, and exactly as long in the metric."""
    emulator.script(answer("a", "b", "c", delay_s=0.1, chunk_delay_s=0.1))
    started = time.perf_counter()
    read()(open_client(emulator))
    taken_s = time.perf_counter() - started
    (span,) = meters.spans
    ((_, _, metric_s),) = meters.points(semconv.GEN_AI_DURATION)
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(metric_s, abs=1e-9)
    assert 0.3 <= metric_s <= taken_s


def test_the_span_is_current_only_while_a_chunk_is_fetched(emulator, meters, instrumentor):
    """Between two chunks the caller's own span is current, and spans that it starts are not children of ours."""
    emulator.script(WORDS)
    client, tracer = open_client(emulator), meters.tracer_provider.get_tracer("theirs")
    with tracer.start_as_current_span("caller") as caller:
        for _ in client.models.generate_content_stream(model=FLASH, contents="x"):
            assert trace.get_current_span() is caller
            tracer.start_span("between").end()
    ours = next(span for span in meters.spans if span.name.startswith("generate_content"))
    between = [span for span in meters.spans if span.name == "between"]
    assert ours.parent.span_id == caller.get_span_context().span_id
    assert {span.parent.span_id for span in between} == {caller.get_span_context().span_id}


async def test_an_async_stream_may_move_between_tasks(emulator, meters, instrumentor):
    """Begun in one task and read in another, it is one span, and no context is left behind."""
    emulator.script(WORDS)
    client = open_client(emulator)
    chunks = await client.aio.models.generate_content_stream(model=FLASH, contents="x")
    first = await asyncio.create_task(anext(chunks))
    rest = [chunk.text for chunk in await asyncio.create_task(collect(chunks))]
    assert [first.text, *rest] == ["Keep ", "it ", "dry."]
    assert [span.attributes[semconv.GEN_AI_OUTPUT_TOKENS] for span in meters.spans] == [18]
    assert trace.get_current_span() is trace.INVALID_SPAN


async def collect(chunks):
    """Return the rest of a stream."""
    return [chunk async for chunk in chunks]


def test_a_stream_in_a_reference_cycle_ends_when_it_is_collected(emulator, meters, instrumentor):
    """A stream that only the garbage collector frees is ended, too."""
    emulator.script(answer("a", "b", hold_after=1))
    client = open_client(emulator)
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    holder = {"chunks": chunks}
    holder["itself"] = holder
    next(chunks)
    del chunks, holder
    gc.collect()
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"cancelled": 1}


def test_a_dropped_stream_is_ended_by_the_thread_that_drains(emulator, meters, instrumentor):
    """A finaliser may run inside of any lock, so it defers the work; the time of the drop counts."""
    queue = meters.instruments.queue
    queue.start()
    emulator.script(answer("a", "b", hold_after=1))
    client = open_client(emulator)
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    next(chunks)
    with queue._settling.lock, queue._feeding.lock:
        del chunks
        assert meters.exporter.get_finished_spans() == ()
    dropped_unix_ns = time.time_ns()
    queue.stop()
    assert [span.end_time <= dropped_unix_ns for span in meters.spans] == [True]
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"cancelled": 1}


def test_a_stream_that_ends_early_keeps_what_it_had_used(emulator, meters, instrumentor):
    """Tokens seen so far count and are marked as stated, not estimated."""
    emulator.script(answer("a", "b", usage=Usage(prompt=20, answer=10), hold_after=1))
    client = open_client(emulator)
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    next(chunks)
    chunks.close()
    (span,) = meters.spans
    assert {
        name: span.attributes[name] for name in (semconv.OUTCOME, semconv.ESTIMATED, semconv.GEN_AI_OUTPUT_TOKENS)
    } == {
        semconv.OUTCOME: "cancelled",
        semconv.ESTIMATED: False,
        semconv.GEN_AI_OUTPUT_TOKENS: 5,
    }
    assert semconv.ERROR_TYPE not in span.attributes
    assert span.status.is_unset


def test_a_stream_closed_after_its_last_chunk_is_complete(emulator, meters, instrumentor):
    """A caller that has read the finish reason has the whole answer, so closing is not a cancellation."""
    emulator.script(answer("a"))
    client = open_client(emulator)
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    next(chunks)
    chunks.close()
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"ok": 1}


class ThrownError(Exception):
    """What a caller raises in a stream."""


def chunk_source(log):
    """Return a generator that answers everything that a caller may do, and notes it."""

    def made():
        try:
            for number in range(4):
                try:
                    log.append(f"received {yield f'chunk {number}'}")
                except ThrownError as error:
                    log.append(f"raised {error}")
                    yield "after what was raised"
        finally:
            log.append("closed")
        return "the end"

    return made()


DONE = {
    "next": next,
    "send nothing": lambda chunks: chunks.send(None),
    "send": lambda chunks: chunks.send("a value"),
    "throw": lambda chunks: chunks.throw(ThrownError("one")),
    "throw a class": lambda chunks: chunks.throw(ThrownError, "two"),
    "throw another": lambda chunks: chunks.throw(LookupError("three")),
    "close": lambda chunks: chunks.close(),
    "rest": list,
}


def answers_of(chunks, actions):
    """Return what a caller of a stream sees."""
    seen = []
    for action in actions:
        try:
            seen.append(DONE[action](chunks))
        except Exception as error:
            seen.append((type(error), error.args))
    return seen


@pytest.mark.parametrize("is_counted", [True, False])
@given(st.lists(st.sampled_from(sorted(DONE)), max_size=7))
def test_a_stream_answers_as_the_generator_of_the_sdk(is_counted, actions):
    """Whatever its caller does, in any order; nothing is left current."""
    plain, watched = [], []
    calls = Calls(PriceBook(None))
    chunks = WatchedStream(
        chunk_source(watched), lambda: guarded(calls.begin("generate_content", FLASH, None)) if is_counted else None
    )
    original = chunk_source(plain)
    assert answers_of(chunks, actions) == answers_of(original, actions)
    assert watched == plain
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_stream_that_was_requested_and_never_read_is_a_cancelled_call(meters, instrumentor):
    """Its request was sent, unlike that of the usual stream; it is dropped, or closed."""
    calls = Calls(PriceBook(None))
    for end in (lambda _: None, WatchedStream.close):
        call = guarded(calls.begin("interaction", FLASH, None))
        with call.attempts:  # it is sent
            stream = WatchedStream(chunk_source([]), lambda call=call: call, call)
        del call
        end(stream)
        del stream
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"cancelled": 2}


@pytest.mark.parametrize("end", ["close", "rest"])
def test_a_forked_child_counts_no_call_of_its_parent(meters, instrumentor, end):
    """It inherits a stream that its parent reads to the end, and closes its copy, or reads it, too."""
    call = guarded(Calls(PriceBook(None)).begin("generate_content", FLASH, None))
    with call.attempts:  # it is sent
        chunks = WatchedStream(chunk_source([]), lambda: call, call)
    next(chunks)
    child = os.fork()
    if not child:
        try:
            DONE[end](chunks)
            os._exit(len(meters.by(semconv.LLM_CALLS, semconv.OUTCOME)))
        finally:
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(list(chunks)) == 3
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"ok": 1}
