"""The added cost of a call to Gemini: ours, the obvious code's, and other instrumentations'.

The SDK is the real one; its HTTP client answers from memory, so only the SDK and the telemetry cost.
"""

import asyncio
import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from benchmarks.contestants import costs
from benchmarks.gemini_streams import READY, Production
from benchmarks.measuring import Row, Way
from google import genai
from google.genai import types
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.sdk.reader import SnapshotReader
from hydrochat_otel.window.snapshot import HistogramPoint

MODEL = "gemini-2.0-flash"
_TOKENS = "gen_ai.client.token.usage"
CHUNKS = 100
COPIES = 10
_PEERS = {
    "Traceloop": ("opentelemetry.instrumentation.google_generativeai", "GoogleGenerativeAiInstrumentor"),
    "official": ("opentelemetry.instrumentation.google_genai", "GoogleGenAiSdkInstrumentor"),
}


def reply(text: str, *, last: bool = True, call: str | None = None, answer_tokens: int = 30) -> dict[str, object]:
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
            "candidatesTokenCount": answer_tokens,
            "totalTokenCount": 12 + answer_tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": answer_tokens}],
        },
    }


_ANSWER = json.dumps(reply("A short answer about a wound.")).encode()
_CALLS = json.dumps(reply("", call="lookup")).encode()
_STREAM = b"".join(
    b"data: %b\r\n\r\n" % json.dumps(reply(f"word {number} ", last=number == CHUNKS, answer_tokens=number)).encode()
    for number in range(1, CHUNKS + 1)
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

    def __init__(self, production: Production) -> None:
        made = client()
        production.attend(made)
        self.generate = made.models.generate_content
        self.generate_async = made.aio.models.generate_content
        self.generate_stream = made.models.generate_content_stream
        self.embed = made.models.embed_content


def cases(calls: Calls, production: Production, finish: Callable[[], object] = int) -> dict[str, Way]:
    """Return the shapes of calls that are compared, by name."""
    loop, large, of_tool = asyncio.new_event_loop(), "word " * 20_000, types.GenerateContentConfig(tools=[lookup])

    async def ten() -> None:
        for _ in range(10):
            await calls.generate_async(model=MODEL, contents="A question")

    def stream(contents: str) -> None:
        for _ in calls.generate_stream(model=MODEL, contents=contents):
            pass

    def calling() -> None:
        calls.generate(model=MODEL, contents="A question", config=of_tool)

    return {
        "sync": Way(lambda: calls.generate(model=MODEL, contents="A question"), finish),
        "asynchronous": Way(lambda: loop.run_until_complete(ten()), finish, 10),
        "stream": Way(lambda: production.timed(lambda: stream("A question")), finish, path_s=production.path_s),
        "chunk": Way(lambda: stream(READY), finish, COPIES * CHUNKS),
        "embedding": Way(lambda: calls.embed(model="gemini-embedding-001", contents="A text"), finish),
        "function_calling": Way(calling, finish),
        "large_prompt": Way(lambda: calls.generate(model=MODEL, contents=large), finish),
    }


class Instrumented(NamedTuple):
    """What instruments the calls of a process.

    Attributes:
        finish: Ends a batch: what was deferred, and one collection.
        tokens: Collects, and returns all tokens that its metric has counted.
    """

    finish: Callable[[], object]
    tokens: Callable[[], float]


def ours() -> Instrumented:
    """Instrument with ours."""
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

    def tokens() -> float:
        families, _ = reader.read()
        return sum(
            point.sum
            for family in families
            if family.name == _TOKENS
            for point in family.points
            if isinstance(point, HistogramPoint)
        )

    return Instrumented(finish, tokens)


def peer(name: str) -> Instrumented:
    """Instrument with another library, whichever version of the SDK it declares to support."""
    module, kind = _PEERS[name]
    reader = InMemoryMetricReader()
    getattr(importlib.import_module(module), kind)().instrument(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider([reader], shutdown_on_exit=False),
        skip_dep_check=True,
    )
    return Instrumented(reader.get_metrics_data, lambda: tokens_of(reader))


def tokens_of(reader: InMemoryMetricReader) -> float:
    """Collect, and return all tokens that were counted by the conventions' metric."""
    collected = reader.get_metrics_data()
    return sum(
        point.sum
        for resource in (collected.resource_metrics if collected else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == _TOKENS
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    )


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
    """Return the cases of a way in the process that calls this; ends it if the way does not count their tokens."""
    production = Production(COPIES)
    calls = Calls(production)
    production.keep(list(calls.generate_stream(model=MODEL, contents="A question")))
    if way == "bare":
        return cases(calls, production)
    if way == "by hand":
        hand = ByHand()
        hand.wrap(calls)
        made = Instrumented(hand.reader.get_metrics_data, lambda: tokens_of(hand.reader))
    else:
        made = ours() if way == "ours" else peer(way)
        calls = Calls(production)
    found = cases(calls, production, made.finish)
    for case, used in _USED.items():
        before = made.tokens()
        found[case].call()
        if (counted := made.tokens() - before) != used:
            sys.exit(f"{way} counted {counted} tokens of {case}, not {used}: it cannot be compared.")
    return found


_USED = {"sync": 42, "asynchronous": 420, "stream": 12 + CHUNKS, "chunk": 12 + CHUNKS, "large_prompt": 42}
"""The tokens of one call of each case that all ways count alike."""
_TARGETS = {
    ("sync", "Traceloop"): (0.45, 0.60),
    ("asynchronous", "Traceloop"): (0.45, 0.60),
    ("sync", "by hand"): (0.65, 0.65),
    ("asynchronous", "by hand"): (0.65, 0.65),
    ("stream", "Traceloop"): (0.60, 0.70),
    ("chunk", "Traceloop"): (0.55, None),
}
_SIZES = {
    "sync": 100,
    "asynchronous": 10,
    "stream": 25,
    "chunk": 5,
    "embedding": 100,
    "function_calling": 50,
    "large_prompt": 50,
}
_UNCOUNTED = {("chunk", "by hand"), ("embedding", "by hand"), ("embedding", "Traceloop")}
"""What does not count such calls, or nothing of them."""


def rows(*, rounds: int = 45, generations: int = 9) -> Iterator[Row]:
    """Yield the rows of all shapes."""
    peers = [name for name, (module, _) in _PEERS.items() if importlib.util.find_spec(module) is not None]
    ways = ["bare", "ours", "by hand", *peers]
    found = costs("gemini_calls", ways, _SIZES, bare="bare", rounds=rounds, generations=generations, parts=5)
    for case, of_case in found.items():
        for other in ("by hand", *peers):
            if (case, other) in _UNCOUNTED:
                continue
            path, cpu = _TARGETS.get((case, other), (None, None))
            yield Row(f"Gemini {case}, path", other, of_case["ours"].path_us, of_case[other].path_us, path)
            yield Row(f"Gemini {case}, CPU", other, of_case["ours"].cpu_us, of_case[other].cpu_us, cpu)
