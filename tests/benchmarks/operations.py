"""What a tracked call costs beside the obvious code, OpenTelemetry's own decorator, logfire and Prometheus' timer.

Each way wraps the same empty function.
"""

import importlib
import time
from collections import deque
from collections.abc import Iterator

import prometheus_client
from benchmarks.measuring import Row, Way, costs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.sdk.reader import SnapshotReader

_TARGETS = {
    ("sampled", "by hand"): (0.30, 0.40),
    ("sampled", "OTel's decorator"): (0.70, None),
    ("sampled", "logfire.instrument"): (0.18, None),
    ("not sampled", "prometheus_client timer"): (0.5, 1.2),
}


def empty():
    """Do nothing; what all ways wrap."""


def by_hand(tracer, meter):
    """The obvious code: a span, a histogram, a counter of violations and the newest spans."""
    histogram, violations = meter.create_histogram("peer.duration", "s"), meter.create_counter("peer.violations")
    kept = deque(maxlen=1000)

    def timed():
        started = time.perf_counter()
        with tracer.start_as_current_span("operation", attributes={"hydrochat.operation": "operation"}) as span:
            result = empty()
        duration_s = time.perf_counter() - started
        histogram.record(duration_s, {"hydrochat.operation": "operation"})
        violations.add(int(duration_s > 2), {"hydrochat.operation": "operation"})
        kept.append(span)
        return result

    return timed


def logfire_way() -> Way | None:
    """Logfire's decorator, if it is installed."""
    try:
        logfire = importlib.import_module("logfire")
    except ImportError:
        return None
    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    return Way(logfire.instrument("operation", extract_args=False)(empty))


def measured(sampler, *, size, rounds):
    """Return what each way adds to the empty function, with a sampler of the host's."""
    provider, reader, peer_reader = (
        TracerProvider(sampler=sampler, shutdown_on_exit=False),
        SnapshotReader(),
        InMemoryMetricReader(),
    )
    installed = pipeline.install(
        tracer_provider=provider,
        meter_provider=MeterProvider([reader], shutdown_on_exit=False),
        instrument_gemini=False,
    )
    queue = installed.instruments.queue
    queue.stop()  # what it would do in its thread is done, and counted, after each batch
    tracer = provider.get_tracer("peer")
    meter = MeterProvider([peer_reader], shutdown_on_exit=False).get_meter("peer")
    registry = prometheus_client.CollectorRegistry()
    timer = prometheus_client.Histogram("operation_seconds", "x", ["operation"], registry=registry).labels("operation")
    ways = {
        "bare": Way(empty),
        "ours": Way(track_response_time("operation")(empty), lambda: (queue.drain(), reader.collect())),
        "by hand": Way(by_hand(tracer, meter), peer_reader.get_metrics_data),
        "OTel's decorator": Way(tracer.start_as_current_span("operation")(empty)),
        "prometheus_client timer": Way(timer.time()(empty), lambda: prometheus_client.generate_latest(registry)),
    }
    if sampler is ALWAYS_ON and (way := logfire_way()) is not None:
        ways["logfire.instrument"] = way
    try:
        return costs(ways, bare="bare", size=size, rounds=rounds)
    finally:
        pipeline.shutdown()


def rows(*, rounds: int = 40, size: int = 1000) -> Iterator[Row]:
    """Yield every row."""
    for name, sampler in (("sampled", ALWAYS_ON), ("not sampled", ALWAYS_OFF)):
        found = measured(sampler, size=size, rounds=rounds)
        for peer in found.keys() - {"bare", "ours"}:
            path, cpu = _TARGETS.get((name, peer), (None, None))
            yield Row(f"tracked call, {name}, path", peer, found["ours"].path_us, found[peer].path_us, path)
            yield Row(f"tracked call, {name}, CPU", peer, found["ours"].cpu_us, found[peer].cpu_us, cpu)
