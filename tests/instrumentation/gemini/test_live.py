"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.live`."""

import asyncio
import contextlib
import gc
import json
from types import SimpleNamespace

import pytest
from google import genai
from google.genai import live, types
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini import live as ours
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.prices.book import PriceBook

MODEL = "gemini-live-2.5-flash"


@pytest.fixture(autouse=True)
def unencrypted(monkeypatch):
    """The SDK supports encrypted web sockets only; the server of these tests is on loopback."""

    def open_socket(uri, additional_headers=None, **_):
        return connect(uri.replace("wss://", "ws://"), additional_headers=additional_headers, proxy=None)

    monkeypatch.setattr(live, "ws_connect", open_socket)


def usage(prompt, response, **more):
    """Return a message that states usage."""
    return {
        "usageMetadata": {
            "promptTokenCount": prompt,
            "responseTokenCount": response,
            "totalTokenCount": prompt + response,
            **more,
        }
    }


def turn(text, **more):
    """Return a message of the model."""
    return {"serverContent": {"modelTurn": {"parts": [{"text": text}]}, **more}}


@contextlib.asynccontextmanager
async def live_client(*messages):
    """A client of a live server that answers each client message with the next messages, up to the end of a turn."""
    waiting = list(messages)

    async def answer(connection):
        await connection.recv()
        await connection.send(json.dumps({"setupComplete": {}}))
        async for _ in connection:
            while waiting:
                message = waiting.pop(0)
                await connection.send(json.dumps(message))
                if message.get("serverContent", {}).get("turnComplete"):
                    break

    async with serve(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        options = types.HttpOptions(base_url=f"http://127.0.0.1:{port}")
        yield genai.Client(vertexai=False, api_key="emulated", http_options=options)


async def say(session, text):
    """Make one turn."""
    await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text=text)]))
    return [message async for message in session.receive()]


def kept(span):
    """Return the facts of the call on its span."""
    names = (semconv.GEN_AI_INPUT_TOKENS, semconv.GEN_AI_OUTPUT_TOKENS, semconv.OUTCOME, semconv.UNRECONCILED)
    return {name: span.attributes[name] for name in names if name in span.attributes}


async def test_a_session_is_one_call_with_the_tokens_of_its_turns(meters, instrumentor):
    """Within a turn the last counts stand, and turns are summed, as they are charged."""
    messages = (
        usage(10, 2),
        turn("a"),
        usage(10, 5),
        turn("b", turnComplete=True),
        usage(30, 7, thoughtsTokenCount=4, totalTokenCount=41),
        turn("c", turnComplete=True),
    )
    async with live_client(*messages) as client, client.aio.live.connect(model=MODEL) as session:
        first, second = await say(session, "x"), await say(session, "y")
    (span,) = meters.spans
    assert [len(first), len(second)] == [4, 2]
    assert span.name == f"chat {MODEL}"
    assert kept(span) == {semconv.GEN_AI_INPUT_TOKENS: 40, semconv.GEN_AI_OUTPUT_TOKENS: 16}
    measured = meters.measured()
    assert (measured.calls, measured.tokens, measured.unreconciled_calls) == ({"ok": 1}, (40, 0, 0, 12, 4), 0)
    assert measured.cost_usd + measured.unpriced_tokens > 0


async def test_a_session_that_fails_is_a_failed_call(meters, instrumentor):
    """An exception of the caller inside of it is raised unchanged, and the usage until then counts."""
    wrong = LookupError("the caller's")

    async def fail():
        messages = (usage(10, 5), turn("a", turnComplete=True))
        async with live_client(*messages) as client, client.aio.live.connect(model=MODEL) as session:
            await say(session, "x")
            raise wrong

    with pytest.raises(LookupError) as caught:
        await fail()
    assert caught.value is wrong
    measured = meters.measured()
    assert (measured.calls, measured.tokens) == ({"error": 1}, (10, 0, 0, 5, 0))
    assert meters.spans[0].attributes[semconv.ERROR_TYPE] == "LookupError"


async def test_a_session_without_usage_is_unreconciled(meters, instrumentor):
    """The session is counted, with its duration, and marked."""
    async with live_client(turn("a", turnComplete=True)) as client, client.aio.live.connect(model=MODEL) as session:
        await say(session, "x")
    measured = meters.measured()
    assert (measured.calls, measured.tokens, measured.unreconciled_calls) == ({"ok": 1}, (0,) * 5, 1)


class Session:
    """A session of the SDK, as far as one is watched."""


def test_a_session_that_its_loop_never_closes_is_a_cancelled_call(meters, instrumentor):
    """A loop that is closed without ending its generators runs none of their lines: the call ends as it is freed."""

    @contextlib.asynccontextmanager
    async def connect(_owner, *, model):
        yield Session()

    async def receive(_session):
        return types.LiveServerMessage.model_validate({**usage(10, 5), **turn("a", turnComplete=True)})

    async def talk(connecting):
        session = await connecting.__aenter__()
        await ours.message_async(receive, lambda: None, "")(session)

    calls = Calls(PriceBook(None))
    connecting = ours.connection(connect, lambda: calls, "live")(SimpleNamespace(_api_client=None), model=MODEL)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(talk(connecting))
    loop.close()
    del connecting
    gc.collect()
    measured = meters.measured()
    assert (measured.calls, measured.tokens) == ({"cancelled": 1}, (10, 0, 0, 5, 0))
