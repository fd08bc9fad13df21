"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.interactions`."""

import json

import pytest
from google import genai
from google.genai import types
from instrumentation.gemini.scenario_runner import httpx

from hydrochat_otel import semconv

pytest.importorskip("google.genai._gaos.interactions", reason="this google-genai has no interactions")

USAGE = {
    "total_input_tokens": 30,
    "total_cached_tokens": 10,
    "total_output_tokens": 12,
    "total_thought_tokens": 5,
    "total_tool_use_tokens": 3,
    "total_tokens": 50,
}


def interaction(**fields):
    """An interaction as the service sends it."""
    body = {"id": "i1", "model": "gemini-2.5-flash", "status": "completed", "object": "interaction", "usage": USAGE}
    return body | {"created": "2025-01-01T00:00:00Z", "updated": "2025-01-01T00:00:00Z", "steps": []} | fields


def event(kind, **fields):
    """One event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'event_type': kind, **fields})}\n\n"


def client_of(*responses):
    """Return a client whose transport answers with these responses, in order."""
    waiting = list(responses)
    transport = httpx.MockTransport(lambda _: waiting.pop(0))
    return genai.Client(
        vertexai=False,
        api_key="emulated",
        http_options=types.HttpOptions(
            httpx_client=httpx.Client(transport=transport),
            httpx_async_client=httpx.AsyncClient(transport=transport),
            retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.01, jitter=0),
        ),
    )


def test_an_interaction_is_a_call_with_its_tokens(meters, instrumentor):
    """The interaction's own count names give the same five buckets and the same prices."""
    client = client_of(httpx.Response(200, json=interaction()))
    result = client.interactions.create(model="gemini-2.5-flash", input="x")
    measured = meters.measured()
    assert type(result).__name__ == "Interaction"
    assert (measured.calls, measured.tokens) == ({"ok": 1}, (20, 10, 3, 12, 5))
    assert measured.cost_usd == pytest.approx((23 * 0.3 + 10 * 0.03 + 17 * 2.5) / 1e6, abs=1e-12)
    assert (measured.unreconciled_calls, measured.attempts) == (0, 1)
    (span,) = meters.spans
    assert (span.name, span.attributes[semconv.LLM_OPERATION]) == ("generate_content gemini-2.5-flash", "interaction")
    assert span.attributes[semconv.GEN_AI_FINISH_REASONS] == ("stop",)


async def test_an_asynchronous_interaction_counts_alike(meters, instrumentor):
    """An asynchronous interaction is one call with its attempts."""
    client = client_of(httpx.Response(503, json={}), httpx.Response(200, json=interaction()))
    await client.aio.interactions.create(model="gemini-2.5-flash", input="x")
    measured = meters.measured()
    assert (measured.calls, measured.tokens) == ({"ok": 1}, (20, 10, 3, 12, 5))
    assert meters.by(semconv.LLM_ATTEMPTS, semconv.REASON) == {"5xx": 1, "2xx": 1}
    assert meters.by(semconv.LLM_RETRIES, semconv.REASON) == {"5xx": 1}


def test_a_streamed_interaction_keeps_its_type(meters, instrumentor):
    """The caller gets the SDK's own stream, and the last event's usage counts."""
    body = event("interaction.created", interaction=interaction(status="in_progress", usage=None)) + event(
        "interaction.completed", interaction=interaction()
    )
    client = client_of(httpx.Response(200, text=body, headers={"content-type": "text/event-stream"}))
    events = client.interactions.create(model="gemini-2.5-flash", input="x", stream=True)
    assert type(events).__name__ == "Stream"
    assert len(list(events)) == 2
    measured = meters.measured()
    assert (measured.calls, measured.tokens) == ({"ok": 1}, (20, 10, 3, 12, 5))


def test_a_failed_interaction_is_a_failed_call(meters, instrumentor):
    """A failed interaction has its status if the service states it, and the HTTP status if the service refuses."""
    client = client_of(
        httpx.Response(200, json=interaction(status="failed")), httpx.Response(400, json={"error": {"message": "x"}})
    )
    client.interactions.create(model="gemini-2.5-flash", input="x")
    with pytest.raises(Exception, match="x"):
        client.interactions.create(model="gemini-2.5-flash", input="x")
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"error": 2}
    assert [span.attributes[semconv.ERROR_TYPE] for span in meters.spans] == ["failed", "400"]
