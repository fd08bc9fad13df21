"""Promises of the attribution of a call (operation, root, dimensions) and of its entry in the window."""

import asyncio
import contextvars
import threading

import pytest
from instrumentation.gemini.client_calls import ask, read
from instrumentation.gemini.scenario_runner import FLASH, open_client
from opentelemetry import context as context_api, trace

import hydrochat_otel
from hydrochat_otel import semconv, track_response_time
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.testing.replies import Usage, answer, failure

OPERATION, ROOT = semconv.OPERATION, semconv.ROOT_OPERATION


def replies(count):
    """Return this many answers of 10 and 5 tokens."""
    return [answer("Yes.", usage=Usage(prompt=10, answer=5)) for _ in range(count)]


def test_money_carries_the_operation_it_was_spent_in(emulator, meters, instrumentor):
    """Calls, tokens and dollars by innermost and outermost operation sum up to the total; outside it is `none`."""
    emulator.script(*replies(4))
    client = open_client(emulator)
    with track_response_time("turn"):
        with track_response_time("classify"):
            ask(times=2)(client)
        ask()(client)
    ask()(client)
    calls = {("classify", "turn"): 2, ("turn", "turn"): 1, ("none", "none"): 1}
    assert meters.by(semconv.LLM_CALLS, OPERATION, ROOT) == calls
    assert meters.by(semconv.LLM_TOKENS, OPERATION, ROOT) == {key: 15 * count for key, count in calls.items()}
    assert meters.by(semconv.LLM_COST, OPERATION, ROOT) == pytest.approx(
        {key: 1.55e-05 * count for key, count in calls.items()}
    )
    assert meters.by(semconv.LLM_ATTEMPTS, OPERATION, ROOT) == calls


def test_tasks_and_threads_carry_it_with_the_context(emulator, meters, instrumentor):
    """Parallel tasks each have their own operation; a thread has the one of the context that it runs in."""
    emulator.script(*replies(3))
    client = open_client(emulator)

    async def step(name):
        with track_response_time(name):
            await client.aio.models.generate_content(model=FLASH, contents="x")

    @track_response_time("turn")
    async def turn():
        await asyncio.gather(step("a"), step("b"))

    asyncio.run(turn())
    with track_response_time("job"):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(ask(), client))
        thread.start()
        thread.join()
    assert meters.by(semconv.LLM_CALLS, OPERATION, ROOT) == {("a", "turn"): 1, ("b", "turn"): 1, ("job", "job"): 1}


def test_a_stream_belongs_to_where_it_began(emulator, meters, instrumentor):
    """The time to its first answer token carries the operation, too."""
    emulator.script(answer("a", "b"))
    with track_response_time("turn"):
        read()(open_client(emulator))
    [(attributes, count, _)] = meters.points(semconv.LLM_FIRST_ANSWER_TOKEN)
    assert (attributes[OPERATION], attributes[ROOT], count) == ("turn", "turn", 1)


def test_the_applications_own_dimensions(emulator, meters, instrumentor, monkeypatch):
    """Dimensions of the setting are labels of every call made inside; inner ones add to outer ones."""
    made = Instruments(
        meters.tracer_provider.get_tracer("own"), meters.meter_provider.get_meter("own"), cost_dimensions=("tier",)
    )
    monkeypatch.setattr("hydrochat_otel.instrumentation.instruments.binding.bound", made)
    emulator.script(*replies(2))
    client = open_client(emulator)
    with hydrochat_otel.cost_dimensions(tier="gold", patient="Tan"), hydrochat_otel.cost_dimensions(channel="web"):
        ask()(client)
    ask()(client)
    made.queue.drain()
    assert meters.by(semconv.LLM_CALLS, "hydrochat.dimension.tier") == {"gold": 1, "none": 1}
    assert not any("Tan" in str(point) for point in meters.points(semconv.LLM_CALLS))


@pytest.fixture
def history(install):
    """The calls in the window of an installed pipeline."""
    installed = install(instrument_gemini=True)
    return lambda: installed.store.live_entries("gemini")


def test_an_entry_of_a_call_has_where_it_was_made(emulator, history):
    """The entry has operation, root, attempts, the wait between them, tokens and dollars, and the ids of its span."""
    emulator.script(failure(503), *replies(1))
    with track_response_time("turn"), track_response_time("classify"):
        ask()(open_client(emulator, retry=True))
    [row] = history()
    assert (row.operation, row.operation_name, row.root_operation) == ("generate_content", "classify", "turn")
    assert (row.attempts, row.tokens, row.cost_usd, row.incomplete) == (2, (10, 0, 0, 5, 0), 1.55e-05, False)
    assert 0.01 <= row.retry_wait_s <= row.duration_s
    assert row.trace_id
    assert row.span_id


@pytest.mark.parametrize("key", ["opentelemetry.genai.client.inference.context", "suppress_instrumentation"])
def test_a_call_that_another_span_stands_for_is_in_the_history(key, emulator, history, install):
    """Beside another GenAI instrumentation and below `suppress_instrumentation` a call has an entry in that trace."""
    emulator.script(*replies(1))
    tracer = hydrochat_otel.current().tracer_provider.get_tracer("official")
    with tracer.start_as_current_span("theirs") as theirs:
        token = context_api.attach(context_api.set_value(key, object()))
        ask()(open_client(emulator))
        context_api.detach(token)
    [row] = history()
    assert (row.tokens, row.outcome) == ((10, 0, 0, 5, 0), "ok")
    assert (row.trace_id, row.parent_span_id) == (
        theirs.get_span_context().trace_id,
        theirs.get_span_context().span_id,
    )


def test_an_exemplar_has_the_trace_of_its_call(emulator, history):
    """A counter that another thread feeds later has an exemplar with the trace of the call."""
    emulator.script(*replies(1))
    with track_response_time("turn"):
        ask()(open_client(emulator))
        trace_id = trace.get_current_span().get_span_context().trace_id
    [calls] = hydrochat_otel.current().snapshot().points(semconv.LLM_CALLS)
    assert [one.trace_id for one in calls.exemplars] == [f"{trace_id:032x}"]


def test_what_ends_before_its_usage_is_stated_is_incomplete(emulator, meters, instrumentor):
    """Only a stream that is closed early is incomplete, not a refused or complete call; tokens are a lower bound."""
    emulator.script(answer("a", "b", usage=Usage(prompt=20, answer=10), hold_after=1), failure(400), *replies(1))
    client = open_client(emulator)
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    next(chunks)
    chunks.close()
    with pytest.raises(Exception, match="400"):
        ask()(client)
    ask()(client)
    meters.instruments.queue.drain()
    assert meters.total(semconv.LLM_INCOMPLETE_CALLS) == 1
    assert meters.total(semconv.LLM_INCOMPLETE_TOKENS) == 25
