"""Leaves work unfinished in reference cycles while spans start, so that collections begin inside our code.

`python finalisers.py KIND ROUNDS` prints what was counted. The test looks for a segmentation fault.
"""

import contextlib
import gc
import importlib
import json
import sys

from opentelemetry import context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from hydrochat_otel import install, semconv
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.guarded_call import guarded
from hydrochat_otel.instrumentation.gemini.streams import WatchedStream
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.runtime import failures

left = track_response_time("left")


class Node:
    """Holds work in a reference cycle."""

    def __init__(self, work):
        self.work, self.me = work, self


@left
def generator():
    yield 1
    yield 2


@left
async def async_generator():
    yield 1
    yield 2


class Pause:
    def __await__(self):
        yield 1


@left
async def coroutine():
    await Pause()


def block():
    with left:
        yield 1


class Closer:
    """An object of the host whose finaliser calls a tracked function."""

    def begin(self):
        return self

    @left
    def close(self):
        return None

    def __del__(self):
        self.close()


def begun_generator():
    work = generator()
    next(work)
    return work


def begun_async_generator():
    work = async_generator()
    with contextlib.suppress(StopIteration):
        work.asend(None).send(None)
    return work


def begun_coroutine():
    work = coroutine()
    work.send(None)
    return work


def begun_block():
    work = block()
    next(work)
    return work


def begun_stream():
    """The stream of a call to Gemini after its first chunk."""
    chunk = importlib.import_module("google.genai.types").GenerateContentResponse()

    def begun():
        call = guarded(CALLS.begin("generate_content", "gemini-2.0-flash", None))
        with call.attempts:
            return call

    work = WatchedStream((chunk for _ in range(2)), begun)
    next(work)
    return work


class KeepingExporter(SpanExporter):
    """Keeps spans without a lock: the lock of the SDK's own exporter would wait for itself in a finaliser."""

    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


CALLS = Calls(PriceBook(None))
KINDS = {
    "generator": begun_generator,
    "async_generator": begun_async_generator,
    "coroutine": begun_coroutine,
    "block": begun_block,
    "finaliser of the host": Closer,
    "stream": begun_stream,
}


def main(kind, rounds):
    exporter = KeepingExporter()
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    pipeline = install(
        tracer_provider=tracer_provider, meter_provider=MeterProvider(), metrics_token="token-of-the-tests-1234"
    )
    begin = KINDS[kind]
    steady = track_response_time("steady")
    gc.set_threshold(20, 5, 5)
    for _ in range(rounds):
        Node(begin())
        for _ in range(3):
            with steady:
                pass
    gc.collect()
    snapshot = pipeline.snapshot()
    ended = [row.outcome for row in snapshot.entries if row.operation != "steady"]
    points = [p for p in snapshot.points(semconv.OPERATION_DURATION) if p.attributes[semconv.OPERATION] == "left"]
    print(
        json.dumps(
            {
                "outcomes": sorted(set(ended)),
                "counted": sum(sum(point.counts) for point in points) + snapshot.total(semconv.LLM_CALLS),
                "failures": failures.counts(),
                "nothing is current": not context.get_current(),
                "spans": sum(span.name != "steady" for span in exporter.spans),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
