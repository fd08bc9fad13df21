"""The added cost of a call to Gemini: ours, the obvious code's, and other instrumentations'.

The SDK is the real one; its HTTP client answers from memory, so only the SDK and the telemetry cost.
"""

import asyncio
import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from benchmarks.contestants import costs
from benchmarks.measuring import Row, Way
from google import genai
from google.genai import types
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.sdk.reader import SnapshotReader

MODEL = "gemini-2.0-flash"
CHUNKS = 100
_PEERS = {
    "Traceloop": ("opentelemetry.instrumentation.google_generativeai", "GoogleGenerativeAiInstrumentor"),
    "official": ("opentelemetry.instrumentation.google_genai", "GoogleGenAiSdkInstrumentor"),
}


def reply(text: str, *, last: bool = True, call: str | None = None) -> dict[str, object]:
    """Return a reply as the service sends it."""
    part = {"text": text} if call is None else {"functionCall": {"name": call, "args": {}}}
    candidate: dict[str, object] = {"content": {"role": "model", "parts": [part]}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    return {
        "candidates": [candidate],
        "modelVersion": MODEL,
        "usageMetadata": {
            "promptTokenCount": 12,
            "candidatesTokenCount": 30,
            "totalTokenCount": 42,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 30}],
        },
    }


_ANSWER = json.dumps(reply("A short answer about a wound.")).encode()
_CALLS = json.dumps(reply("", call="lookup")).encode()
_STREAM = b"".join(
    b"data: " + json.dumps(reply(f"word {number} ", last=number == CHUNKS - 1)).encode() + b"\r\n\r\n"
    for number in range(CHUNKS)
)
_EMBEDDING = json.dumps({"embeddings": [{"values": [0.1] * 8, "statistics": {"tokenCount": 4}}]}).encode()


def answer(request: httpx.Request) -> httpx.Response:
    """Answer a request from memory."""
    path = request.url.path
    if "stream" in path:
        return httpx.Response(200, content=_STREAM, headers={"content-type": "text/event-stream"})
    if "mbed" in path:
        return httpx.Response(200, content=_EMBEDDING)
    wants_function = b"functionDeclarations" in request.content and b"functionResponse" not in request.content
    return httpx.Response(200, content=_CALLS if wants_function else _ANSWER)


async def answer_async(request: httpx.Request) -> httpx.Response:
    """Answer a request of the asynchronous client."""
    return answer(request)


def client() -> genai.Client:
    """Return a client whose requests are answered from memory."""
    return genai.Client(
        api_key="benchmark",
        http_options=types.HttpOptions(
            httpx_client=httpx.Client(transport=httpx.MockTransport(answer)),
            httpx_async_client=httpx.AsyncClient(transport=httpx.MockTransport(answer_async)),
        ),
    )


def lookup() -> str:
    """Look something up; the model calls this function."""
    return "found"


class Calls:
    """The functions of the SDK that are called, which the obvious code wraps."""

    def __init__(self) -> None:
        made = client()
        self.generate = made.models.generate_content
        self.generate_async = made.aio.models.generate_content
        self.generate_stream = made.models.generate_content_stream
        self.embed = made.models.embed_content


def cases(calls: Calls, finish: Callable[[], object] = int) -> dict[str, Way]:
    """Return the shapes of calls that are compared, by name."""
    loop, large, of_tool = asyncio.new_event_loop(), "word " * 20_000, types.GenerateContentConfig(tools=[lookup])

    async def ten() -> None:
        for _ in range(10):
            await calls.generate_async(model=MODEL, contents="A question")

    def stream() -> None:
        for _ in calls.generate_stream(model=MODEL, contents="A question"):
            pass

    def calling() -> None:
        calls.generate(model=MODEL, contents="A question", config=of_tool)

    return {
        "sync": Way(lambda: calls.generate(model=MODEL, contents="A question"), finish),
        "asynchronous": Way(lambda: loop.run_until_complete(ten()), finish, 10),
        "stream": Way(stream, finish),
        "embedding": Way(lambda: calls.embed(model="gemini-embedding-001", contents="A text"), finish),
        "function_calling": Way(calling, finish),
        "large_prompt": Way(lambda: calls.generate(model=MODEL, contents=large), finish),
    }


def ours() -> Callable[[], object]:
    """Instrument with ours, and return what ends a batch: what was deferred, and one collection."""
    reader = SnapshotReader()
    installed = pipeline.install(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider([reader], shutdown_on_exit=False),
    )
    queue = installed.instruments.queue
    queue.stop()  # what its thread would do is done, and counted, after each batch

    def finish() -> None:
        queue.drain()
        reader.read()

    return finish


def peer(name: str) -> Callable[[], object]:
    """Instrument with another library, and return what ends a batch."""
    module, kind = _PEERS[name]
    reader = InMemoryMetricReader()
    getattr(importlib.import_module(module), kind)().instrument(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider([reader], shutdown_on_exit=False),
    )
    return reader.get_metrics_data


class ByHand:
    """The obvious code around each call: a span, durations and tokens."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        meter = MeterProvider([self.reader], shutdown_on_exit=False).get_meter("hand")
        self._tracer = TracerProvider(shutdown_on_exit=False).get_tracer("hand")
        self._duration = meter.create_histogram("gen_ai.client.operation.duration", "s")
        self._tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")

    @contextmanager
    def around(self) -> Iterator[Callable[[Any], None]]:
        """Time what is inside; it passes the reply's usage to the function that it gets."""
        shared = {"gen_ai.operation.name": "generate_content", "gen_ai.request.model": MODEL}
        started = time.perf_counter()
        with self._tracer.start_as_current_span("generate_content", kind=SpanKind.CLIENT, attributes=shared) as span:

            def take(usage: Any) -> None:
                counts = {"input": usage.prompt_token_count, "output": usage.candidates_token_count}
                for kind, count in counts.items():
                    span.set_attribute(f"gen_ai.usage.{kind}_tokens", count)
                    self._tokens.record(count, {**shared, "gen_ai.token.type": kind})

            try:
                yield take
            except Exception:
                span.set_status(StatusCode.ERROR)
                raise
        self._duration.record(time.perf_counter() - started, shared)

    def wrap(self, calls: Calls) -> None:
        """Wrap the functions."""
        generate, generate_async, generate_stream = calls.generate, calls.generate_async, calls.generate_stream

        def counted(**arguments: Any) -> Any:
            with self.around() as take:
                reply = generate(**arguments)
                take(reply.usage_metadata)
            return reply

        async def counted_async(**arguments: Any) -> Any:
            with self.around() as take:
                reply = await generate_async(**arguments)
                take(reply.usage_metadata)
            return reply

        def counted_stream(**arguments: Any) -> Any:
            with self.around() as take:
                for chunk in generate_stream(**arguments):
                    yield chunk
                take(chunk.usage_metadata)

        calls.generate, calls.generate_async, calls.generate_stream = counted, counted_async, counted_stream


def contestant(way: str) -> dict[str, Way]:
    """Return the cases of a way in the process that calls this."""
    if way == "by hand":
        hand, calls = ByHand(), Calls()
        hand.wrap(calls)
        return cases(calls, hand.reader.get_metrics_data)
    finish = int if way == "bare" else ours() if way == "ours" else peer(way)
    return cases(Calls(), finish)


_TARGETS = {
    ("sync", "Traceloop"): (0.45, 0.60),
    ("asynchronous", "Traceloop"): (0.45, 0.60),
    ("sync", "by hand"): (0.65, 0.65),
    ("asynchronous", "by hand"): (0.65, 0.65),
    ("stream", "Traceloop"): (0.60, 0.70),
}
_SIZES = {"sync": 100, "asynchronous": 10, "stream": 25, "embedding": 100, "function_calling": 50, "large_prompt": 50}
_WRAPPED_BY_HAND = {"sync", "asynchronous", "stream", "function_calling", "large_prompt"}


def rows(*, rounds: int = 45) -> Iterator[Row]:
    """Yield the rows of all shapes."""
    peers = [name for name, (module, _) in _PEERS.items() if importlib.util.find_spec(module) is not None]
    found = costs("gemini_calls", ["bare", "ours", "by hand", *peers], _SIZES, bare="bare", rounds=rounds)
    for case, of_case in found.items():
        for other in ("by hand", *peers):
            if other == "by hand" and case not in _WRAPPED_BY_HAND:
                continue
            path, cpu = _TARGETS.get((case, other), (None, None))
            yield Row(f"Gemini {case}, path", other, of_case["ours"].path_us, of_case[other].path_us, path)
            yield Row(f"Gemini {case}, CPU", other, of_case["ours"].cpu_us, of_case[other].cpu_us, cpu)
