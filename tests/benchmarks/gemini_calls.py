"""The added cost of a call to Gemini: ours, the obvious code's, and other instrumentations', in turn.

The SDK is the real one; its HTTP client answers from memory, so only the SDK and the telemetry cost.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache

import httpx
from benchmarks.measuring import Cost, Row, Way, costs
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


_MISSING = object()
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


class Patches:
    """What an instrumentation changes in the SDK, to be put in and taken out between batches.

    Instrumenting again for each batch would measure what it makes for its first calls.
    """

    def __init__(self, instrument: Callable[[], object]) -> None:
        before = self._attributes()
        instrument()
        after = self._attributes()
        self._changed = [
            (owner, name, before.get((owner, name), _MISSING), value)
            for (owner, name), value in after.items()
            if before.get((owner, name), _MISSING) is not value
        ]
        self.leave()

    @staticmethod
    def _attributes() -> dict[tuple[object, str], object]:
        modules = [module for name, module in list(sys.modules.items()) if name.startswith("google.genai")]
        classes = {
            value
            for module in modules
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__.startswith("google.genai")
        }
        return {(owner, name): value for owner in (*modules, *classes) for name, value in list(vars(owner).items())}

    def enter(self) -> None:
        """Put the changes in."""
        for owner, name, _, changed in self._changed:
            if not name.startswith("__"):
                setattr(owner, name, changed)

    def leave(self) -> None:
        """Take the changes out."""
        for owner, name, original, _ in self._changed:
            if name.startswith("__"):
                continue
            if original is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


class Shapes:
    """The shapes of calls that are compared."""

    def __init__(self) -> None:
        self.client = client()
        self.loop = asyncio.new_event_loop()
        self.large = "word " * 20_000

    def sync(self) -> None:
        """Make one call."""
        self.client.models.generate_content(model=MODEL, contents="A question")

    def asynchronous(self) -> None:
        """Make ten calls in one turn of the event loop, so that starting it weighs little."""

        async def ten() -> None:
            for _ in range(10):
                await self.client.aio.models.generate_content(model=MODEL, contents="A question")

        self.loop.run_until_complete(ten())

    def stream(self) -> None:
        """Read a stream to its end."""
        for _ in self.client.models.generate_content_stream(model=MODEL, contents="A question"):
            pass

    def embedding(self) -> None:
        """Embed a text."""
        self.client.models.embed_content(model="gemini-embedding-001", contents="A text")

    def function_calling(self) -> None:
        """Make the SDK call a function: two requests."""
        self.client.models.generate_content(
            model=MODEL, contents="A question", config=types.GenerateContentConfig(tools=[lookup])
        )

    def large_prompt(self) -> None:
        """Send 100 kB."""
        self.client.models.generate_content(model=MODEL, contents=self.large)


class Ours:
    """Our instrumentation, with one reader."""

    def __init__(self) -> None:
        self.reader = SnapshotReader()
        self.pipeline = pipeline.install(
            tracer_provider=TracerProvider(shutdown_on_exit=False),
            meter_provider=MeterProvider([self.reader], shutdown_on_exit=False),
            instrument_gemini=False,
        )
        self.pipeline.instruments.queue.stop()  # what its thread would do is done, and counted, after each batch
        self.patches = Patches(self.pipeline.instrumentor.instrument)

    def way(self, call: Callable[[], object]) -> Way:
        """Return the call with our instrumentation."""
        return Way(call, self.finish, self.patches.enter, self.patches.leave)

    def finish(self) -> None:
        """Run what was deferred, and collect once."""
        self.pipeline.instruments.queue.drain()
        self.reader.collect()


def by_hand(call: Callable[[], object]) -> Way:
    """Return the call with the obvious code around it: a span, durations and tokens."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("hand")
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("hand")
    duration = meter.create_histogram("gen_ai.client.operation.duration", "s")
    tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")
    shared = {"gen_ai.operation.name": "generate_content", "gen_ai.request.model": MODEL}

    def counted() -> None:
        started = time.perf_counter()
        with tracer.start_as_current_span("generate_content", kind=SpanKind.CLIENT, attributes=shared) as span:
            try:
                call()
            except Exception:
                span.set_status(StatusCode.ERROR)
                raise
            span.set_attribute("gen_ai.usage.input_tokens", 12)
            span.set_attribute("gen_ai.usage.output_tokens", 30)
        duration.record(time.perf_counter() - started, shared)
        tokens.record(12, {**shared, "gen_ai.token.type": "input"})
        tokens.record(30, {**shared, "gen_ai.token.type": "output"})

    return Way(counted, reader.get_metrics_data)


@cache
def peer(name: str) -> tuple[Patches, InMemoryMetricReader] | None:
    """Return another instrumentation and what reads its metrics; None if it is not installed."""
    module, kind = _PEERS[name]
    try:
        instrumentor = getattr(importlib.import_module(module), kind)()
    except ImportError:
        return None
    reader = InMemoryMetricReader()
    providers = {
        "tracer_provider": TracerProvider(shutdown_on_exit=False),
        "meter_provider": MeterProvider([reader], shutdown_on_exit=False),
    }
    patches = Patches(lambda: instrumentor.instrument(**providers))
    return patches, reader


def measured(shape: Callable[[], object], ours: Ours, *, size: int, rounds: int) -> dict[str, Cost]:
    """Return what each way adds to a shape of call."""
    ways = {"bare": Way(shape), "ours": ours.way(shape), "by hand": by_hand(shape)}
    for name in _PEERS:
        if (found := peer(name)) is not None:
            patches, reader = found
            ways[name] = Way(shape, reader.get_metrics_data, patches.enter, patches.leave)
    return costs(ways, bare="bare", size=size, rounds=rounds)


_TARGETS = {
    ("sync", "Traceloop"): (0.45, 0.60),
    ("asynchronous", "Traceloop"): (0.45, 0.60),
    ("sync", "by hand"): (0.65, 0.65),
    ("asynchronous", "by hand"): (0.65, 0.65),
    ("stream", "Traceloop"): (0.60, 0.70),
}


def rows(*, rounds: int = 40) -> Iterator[Row]:
    """Yield the rows of all shapes."""
    shapes, ours = Shapes(), Ours()
    try:
        for name, size in (
            ("sync", 40),
            ("asynchronous", 4),
            ("stream", 2),
            ("embedding", 40),
            ("function_calling", 10),
            ("large_prompt", 10),
        ):
            found = measured(getattr(shapes, name), ours, size=size, rounds=rounds)
            for other in found.keys() - {"bare", "ours"}:
                path, cpu = _TARGETS.get((name, other), (None, None))
                yield Row(f"Gemini {name}, path", other, found["ours"].path_us, found[other].path_us, path)
                yield Row(f"Gemini {name}, CPU", other, found["ours"].cpu_us, found[other].cpu_us, cpu)
    finally:
        pipeline.shutdown()
