"""What a tracked call costs beside the obvious code, OpenTelemetry's own decorator, logfire and Prometheus' timer.

Each way wraps the same empty function.
"""

import importlib
import importlib.util
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import prometheus_client
from benchmarks.contestants import costs
from benchmarks.measuring import Row, Way
from opentelemetry import trace
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
    ("no tracer", "prometheus_client timer"): (0.5, 1.2),
}
_HOSTS: Final[dict[str, Callable[[], trace.TracerProvider]]] = {
    "sampled": lambda: TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False),
    "not sampled": lambda: TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False),
    "no tracer": trace.NoOpTracerProvider,
}
"""What the host has set: it decides whether a tracked call has a span."""


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


def by_timer() -> Way:
    """Return Prometheus' own timer around the function."""
    registry = prometheus_client.CollectorRegistry()
    histogram = prometheus_client.Histogram("operation_seconds", "x", ["operation"], registry=registry)
    return Way(histogram.labels("operation").time()(empty), lambda: prometheus_client.generate_latest(registry))


def by_logfire() -> Way:
    """Return logfire's decorator around the function."""
    logfire = importlib.import_module("logfire")
    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    return Way(logfire.instrument("operation", extract_args=False)(empty))


def ours(provider: trace.TracerProvider, *, with_thread: bool = False) -> Way:
    """Return our decorator around the function; without its thread, what that would do is done after each batch."""
    reader = SnapshotReader()
    installed = pipeline.install(
        tracer_provider=provider,
        meter_provider=MeterProvider([reader], shutdown_on_exit=False),
        instrument_gemini=False,
    )
    queue = installed.instruments.queue
    if not with_thread:
        queue.stop()

    def finish() -> None:
        queue.drain()
        reader.read()

    return Way(track_response_time("operation")(empty), finish)


def contestant(way: str) -> dict[str, Way]:
    """Return the case of a way, named after the host's setting and the way, in the process that calls this."""
    host, _, name = way.partition(": ")
    provider = _HOSTS[host]()
    tracer = provider.get_tracer("peer")
    if name == "by hand":
        reader = InMemoryMetricReader()
        meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("peer")
        return {"call": Way(by_hand(tracer, meter), reader.get_metrics_data)}
    made = {
        "bare": lambda: Way(empty),
        "ours": lambda: ours(provider),
        "OTel's decorator": lambda: Way(tracer.start_as_current_span("operation")(empty)),
        "prometheus_client timer": by_timer,
        "logfire.instrument": by_logfire,
    }
    return {"call": made[name]()}


def rows(*, rounds: int = 45, size: int = 1000, generations: int = 3) -> Iterator[Row]:
    """Yield every row."""
    for host in _HOSTS:
        peers = ["by hand", "OTel's decorator", "prometheus_client timer"]
        if host == "sampled" and importlib.util.find_spec("logfire") is not None:
            peers.append("logfire.instrument")
        ways = [f"{host}: {name}" for name in ("bare", "ours", *peers)]
        found = costs("operations", ways, {"call": size}, bare=ways[0], rounds=rounds, generations=generations)["call"]
        own = found[ways[1]]
        for peer in peers:
            path, cpu = _TARGETS.get((host, peer), (None, None))
            theirs = found[f"{host}: {peer}"]
            yield Row(f"tracked call, {host}, path", peer, own.path_us, theirs.path_us, path)
            yield Row(f"tracked call, {host}, CPU", peer, own.cpu_us, theirs.cpu_us, cpu)
