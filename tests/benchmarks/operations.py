"""What a tracked call costs beside the obvious code, OpenTelemetry's own decorator and Prometheus' timer.

    python -m tests.benchmarks            every row, as a table and as JSON
    python tests/benchmarks/operations.py

Each way wraps the same empty function; the ways take turns in small batches, so a noisy machine disturbs all alike.
*Wall* is what the caller waits for. *CPU* is that of the whole process, with what was deferred and one collection. Both
are medians of added microseconds a call; the ratios are ours divided by the peer's.
"""

import json
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import prometheus_client
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.sdk import fast_ways

BATCH = 500
ROUNDS = 40


class Row(NamedTuple):
    """One comparison; costs in microseconds a call."""

    what: str
    peer: str
    ours_wall_us: float
    peer_wall_us: float
    ours_cpu_us: float
    peer_cpu_us: float

    @property
    def wall_ratio(self) -> float:
        """Ours divided by the peer's, on the caller's path."""
        return round(self.ours_wall_us / self.peer_wall_us, 2)

    @property
    def cpu_ratio(self) -> float:
        """Ours divided by the peer's, of the whole process."""
        return round(self.ours_cpu_us / self.peer_cpu_us, 2)


class Way(NamedTuple):
    """One way to time a call, and what it has to do afterwards."""

    call: Callable[[], object]
    finish: Callable[[], object]


def empty():
    """Do nothing; what all ways wrap."""


def by_hand(tracer, meter):
    """The obvious code: a span, a histogram, a counter of violations and the newest entries."""
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


def batch(way):
    """Return the microseconds a call of one batch: on the caller's path, and of the process."""
    cpu, started = time.process_time(), time.perf_counter()
    for _ in range(BATCH):
        way.call()
    wall_us = (time.perf_counter() - started) / BATCH * 1e6
    way.finish()
    return wall_us, (time.process_time() - cpu) / BATCH * 1e6


def measure(what, sampler):
    """Yield the rows of one sampler."""
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    own_reader, peer_reader = InMemoryMetricReader(), InMemoryMetricReader()
    installed = pipeline.install(
        tracer_provider=provider,
        meter_provider=MeterProvider([own_reader], shutdown_on_exit=False),
        instrument_gemini=False,
    )
    queue = installed.instruments.queue
    queue.stop()  # what it would do in its thread is done, and counted, after each batch
    tracer = provider.get_tracer("peer")
    meter = MeterProvider([peer_reader], shutdown_on_exit=False).get_meter("peer")
    registry = prometheus_client.CollectorRegistry()
    timer = prometheus_client.Histogram("operation_seconds", "x", ["operation"], registry=registry).labels("operation")
    ways = {
        "empty": Way(empty, empty),
        "ours": Way(track_response_time("operation")(empty), lambda: (queue.drain(), own_reader.get_metrics_data())),
        "by hand": Way(by_hand(tracer, meter), peer_reader.get_metrics_data),
        "OTel's decorator": Way(tracer.start_as_current_span("operation")(empty), empty),
        "prometheus_client timer": Way(timer.time()(empty), lambda: prometheus_client.generate_latest(registry)),
    }
    taken = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            taken[name].append(batch(way))
    pipeline.shutdown()
    wall, cpu = (
        {name: statistics.median(one[place] for one in values) for name, values in taken.items()} for place in (0, 1)
    )
    for peer in list(ways)[2:]:
        yield Row(
            what,
            peer,
            *(round(costs[name] - costs["empty"], 2) for costs in (wall, cpu) for name in ("ours", peer)),
        )


def rows():
    """Return every row."""
    sampled = list(measure("tracked call, sampled", ALWAYS_ON))
    return sampled + list(measure("tracked call, not sampled", ALWAYS_OFF))


def as_json(measured):
    """Return the rows and the state of the fast ways as JSON."""
    ratios = [row._asdict() | {"wall_ratio": row.wall_ratio, "cpu_ratio": row.cpu_ratio} for row in measured]
    return json.dumps({"rows": ratios, "fast_ways": fast_ways.report()})


if __name__ == "__main__":
    print(as_json(rows()))
