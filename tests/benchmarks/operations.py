"""What a tracked call costs, beside the OpenTelemetry API's own decorator and a span with a histogram by hand.

    python tests/benchmarks/operations.py

Each way wraps the same empty function on the same providers and span processor; the ways take turns in small batches,
so that a noisy machine disturbs all of them alike. Prints the median of the added microseconds a call, and ratios.
"""

import json
import statistics
import time

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime.deferred_queue import DeferredQueue

BATCH = 500
ROUNDS = 60


def empty():
    """Do nothing; what all ways wrap."""


def by_hand(tracer, histogram):
    def timed():
        started = time.perf_counter()
        with tracer.start_as_current_span("operation", attributes={"hydrochat.operation": "operation"}):
            result = empty()
        histogram.record(time.perf_counter() - started, {"hydrochat.operation": "operation"})
        return result

    return timed


def batch_us(call):
    started = time.perf_counter()
    for _ in range(BATCH):
        call()
    return (time.perf_counter() - started) / BATCH * 1e6


def measure(sampler):
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    installed = pipeline.install(tracer_provider=provider, meter_provider=meters, instrument_gemini=False)
    tracer = provider.get_tracer("peer")
    histogram = meters.get_meter("peer").create_histogram("peer.duration", "s")
    ways = {
        "empty": empty,
        "ours": track_response_time("operation")(empty),
        "api_decorator": tracer.start_as_current_span("operation")(empty),
        "span_and_histogram_by_hand": by_hand(tracer, histogram),
    }
    queue: DeferredQueue = installed.instruments.queue
    taken = {name: [] for name in ways}
    drained = []
    for _ in range(ROUNDS):
        for name, call in ways.items():
            taken[name].append(batch_us(call))
        started = time.perf_counter()
        queue.drain()
        drained.append((time.perf_counter() - started) / BATCH * 1e6)
    pipeline.shutdown()
    base = statistics.median(taken.pop("empty"))
    added = {name: round(statistics.median(values) - base, 2) for name, values in taken.items()}
    return {
        "added_us": added,
        "ours_drained_later_us": round(statistics.median(drained), 2),
        "ratio_to_api_decorator": round(added["ours"] / added["api_decorator"], 2),
        "ratio_to_by_hand": round(added["ours"] / added["span_and_histogram_by_hand"], 2),
    }


if __name__ == "__main__":
    for label, sampler in (("sampled", ALWAYS_ON), ("not_sampled", ALWAYS_OFF)):
        print(label, json.dumps(measure(sampler)))
