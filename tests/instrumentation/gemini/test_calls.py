"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.call`: the attributes of a call's span."""

import re
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from google.genai import errors
from instrumentation.gemini.client_calls import ask, cache, count
from instrumentation.gemini.scenario_runner import FLASH, open_client
from instrumentation.gemini.scenarios import FULL

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import operation
from hydrochat_otel.testing.replies import Reply, Usage, answer, failure
from hydrochat_otel.window import days


def test_a_span_has_all_facts_and_no_content(emulator, meters, instrumentor):
    """A span has names, server, model versions, buckets, modalities, dollars and finish reason; no content or text."""
    emulator.script(answer("Yes.", usage=FULL, model_version="gemini-2.5-flash-lite"))
    ask()(open_client(emulator))
    (span,) = meters.spans
    found = dict(span.attributes)
    port = found.pop("server.port")
    assert re.fullmatch(r"[\w-]+", found.pop("gen_ai.response.id"))
    assert f":{port}" in emulator.base_url
    assert (span.name, span.kind.name, span.status.status_code.name) == (f"generate_content {FLASH}", "CLIENT", "UNSET")
    assert found.pop("hydrochat.llm.cost_usd") == pytest.approx(
        ((70 - 18) * 0.1 + 18 * 0.3 + (50 - 12) * 0.01 + 12 * 0.03 + 7 * 0.1 + 29 * 0.4) / 1e6, abs=1e-12
    )
    assert found == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": FLASH,
        "gen_ai.response.model": "gemini-2.5-flash-lite",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 127,
        "gen_ai.usage.output_tokens": 29,
        "hydrochat.llm.tokens.input_fresh": 70,
        "gen_ai.usage.cache_read.input_tokens": 50,
        "hydrochat.llm.tokens.input_tool": 7,
        "hydrochat.llm.tokens.output_answer": 20,
        "gen_ai.usage.reasoning.output_tokens": 9,
        "hydrochat.llm.modality_tokens.input_fresh.audio": 18,
        "hydrochat.llm.modality_tokens.input_fresh.image": 10,
        "hydrochat.llm.modality_tokens.input_cached.audio": 12,
        "server.address": "127.0.0.1",
    }


def test_priced_unpriced_and_free_look_different(emulator, meters, instrumentor):
    """A priced call has a cost, an unpriced one only a mark, a free one a cost of zero."""
    client = open_client(emulator)
    for model in (FLASH, "gemini-9-ultra", "gemma-3-27b-it"):
        emulator.script(answer("Yes."))
        ask(model)(client)
    found = [(span.attributes.get(semconv.COST_USD), span.attributes.get(semconv.UNPRICED)) for span in meters.spans]
    assert found == [(1.55e-05, None), (None, True), (0.0, None)]


def test_a_call_is_spent_on_the_day_on_which_it_ended(emulator, meters, instrumentor, monkeypatch):
    """A call that began in the last microsecond of March costs in April; a call without a price costs nothing."""
    midnight = datetime(2026, 4, 1, tzinfo=UTC).timestamp()
    client = open_client(emulator)
    for model, before_s in ((FLASH, 3600.0), ("gemini-9-ultra", 3600.0), (FLASH, 1e-6), (FLASH, 1e-6)):
        stopped = SimpleNamespace(
            time_ns=lambda s=before_s: int((midnight - s) * 1e9), perf_counter_ns=time.perf_counter_ns
        )
        monkeypatch.setattr(operation, "time", stopped)
        emulator.script(answer("Yes."))
        ask(model)(client)
    meters.instruments.queue.drain()
    by_day = days.by_day(meters.instruments.ledger.days(), "UTC")
    assert {day: (counts.calls, counts.cost_usd, counts.unpriced_calls) for day, counts in by_day.items()} == {
        "2026-03-31": (2, 1.55e-05, 1),
        "2026-04-01": (2, 3.1e-05, 0),
    }
    assert meters.total(semconv.LLM_COST) == pytest.approx(4.65e-05, abs=1e-12)


def test_what_does_not_balance_is_marked(emulator, meters, instrumentor):
    """A call that does not balance is marked on the span as in the counter."""
    emulator.script(answer("Yes.", usage=Usage(prompt=10, answer=5, total=99)), answer("Yes."))
    ask(times=2)(open_client(emulator))
    assert [span.attributes.get(semconv.UNRECONCILED) for span in meters.spans] == [True, None]


def test_a_failure_is_its_status(emulator, meters, instrumentor):
    """The error's type is the HTTP status as text, or the name of the class; the span has an error without a text."""
    emulator.script(failure(404), Reply(body=b"{"))
    client = open_client(emulator)
    for error in (errors.ClientError, ValueError):
        with pytest.raises(error):
            ask()(client)
    found = [
        (span.attributes[semconv.ERROR_TYPE], span.status.status_code.name, span.status.description)
        for span in meters.spans
    ]
    assert found == [("404", "ERROR", None), ("JSONDecodeError", "ERROR", None)]
    types = {attributes[semconv.ERROR_TYPE]: count for attributes, count, _ in meters.points(semconv.GEN_AI_DURATION)}
    assert types == {"404": 1, "JSONDecodeError": 1}


def test_counting_tokens_is_timed_only(emulator, meters, instrumentor):
    """Counting tokens costs nothing and is not a call: one duration, and no other metric."""
    emulator.script(Reply(usage=Usage(prompt=7)))
    assert count(open_client(emulator)) == 7
    ((attributes, number, _),) = meters.points(semconv.GEN_AI_DURATION)
    assert (attributes[semconv.GEN_AI_OPERATION], number) == ("count_tokens", 1)
    others = (semconv.LLM_CALLS, semconv.LLM_TOKENS, semconv.LLM_COST, semconv.LLM_ATTEMPTS, semconv.GEN_AI_TOKEN_USAGE)
    assert [meters.points(spec) for spec in others] == [[], [], [], [], []]


def test_content_put_in_the_cache_is_on_the_span(emulator, meters, instrumentor):
    """Cached content is stored, not used, so its tokens are in no bucket."""
    emulator.script(Reply(usage=Usage(prompt=2000)))
    cache(open_client(emulator))
    (span,) = meters.spans
    assert (span.name, span.attributes[semconv.CACHED_CONTENT_TOKENS]) == (f"create_cache {FLASH}", 2000)
    assert meters.points(semconv.LLM_TOKENS) == []


def test_a_callers_own_span_is_the_parent(emulator, meters, instrumentor):
    """Each call is a child of the application's current span."""
    emulator.script(answer("Yes."))
    client = open_client(emulator)
    with meters.tracer_provider.get_tracer("theirs").start_as_current_span("turn") as turn:
        ask()(client)
    call = next(span for span in meters.spans if span.name != "turn")
    assert call.parent.span_id == turn.get_span_context().span_id
