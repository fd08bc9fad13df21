"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.live_interactions`."""

import json

import pytest
from google import genai
from google.genai import types
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

socket = pytest.importorskip(
    "google.genai._interactions_websocket", reason="this google-genai has no live interactions"
)

pytestmark = pytest.mark.filterwarnings("ignore:Live Interactions usage")

MODEL = "gemini-2.5-flash"
USAGE = {
    "total_input_tokens": 30,
    "total_cached_tokens": 10,
    "total_output_tokens": 12,
    "total_thought_tokens": 5,
    "total_tool_use_tokens": 3,
    "total_tokens": 50,
}
CREATED = {
    "event_type": "interaction.created",
    "interaction": {"id": "i1", "model": MODEL, "status": "in_progress"},
}


@pytest.fixture(autouse=True)
def unencrypted(monkeypatch):
    """The SDK supports encrypted web sockets only; the server of these tests is on loopback."""

    def open_socket(uri, additional_headers=None, **_):
        return connect(uri.replace("wss://", "ws://"), additional_headers=additional_headers, proxy=None)

    monkeypatch.setattr(socket, "ws_connect", open_socket)


async def received(*events, leave_after=None):
    """Return the types of the events that a caller receives to the end, or until it leaves."""

    async def answer(connection):
        await connection.recv()
        for event in events:
            await connection.send(json.dumps(event))
        await connection.wait_closed()

    seen = []
    async with serve(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        options = types.HttpOptions(base_url=f"http://127.0.0.1:{port}")
        client = genai.Client(vertexai=False, api_key="emulated", http_options=options)
        async with client.aio.interactions.connect("i1") as connection:
            async for event in connection.receive():
                seen.append(event.event_type)
                if len(seen) == leave_after:
                    break
    return seen


async def test_a_connection_is_one_call_with_the_usage_of_its_end(meters, instrumentor):
    """The event that completes the interaction states its usage, which is priced by the model that answered."""
    seen = await received(CREATED, {"event_type": "interaction.completed", "usage": USAGE})
    measured = meters.measured()
    assert seen == ["interaction.created", "interaction.completed"]
    assert (measured.calls, measured.tokens, measured.unreconciled_calls) == ({"ok": 1}, (20, 10, 3, 12, 5), 0)
    assert measured.cost_usd == pytest.approx((23 * 0.3 + 10 * 0.03 + 17 * 2.5) / 1e6, abs=1e-12)


async def test_a_cancelled_interaction_is_cancelled(meters, instrumentor):
    """The usage until the cancellation counts."""
    await received(CREATED, {"event_type": "interaction.cancelled", "usage": USAGE})
    measured = meters.measured()
    assert (measured.calls, measured.tokens) == ({"cancelled": 1}, (20, 10, 3, 12, 5))


async def test_a_connection_that_is_left_is_incomplete(meters, instrumentor):
    """The service continues without the caller, so the stated usage is a lower bound."""
    await received(CREATED, leave_after=1)
    measured = meters.measured()
    assert (measured.calls, measured.incomplete_calls) == ({"cancelled": 1}, 1)
