"""Measures one scrape of 1000 histogram series, ours and the stock exporter's; prints one line of JSON.

Both render the same collected data, in turn, in one process; collecting from the SDK is left out on both sides.
"""

import gc
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed_text

from hydrochat_otel import semconv
from hydrochat_otel.sdk.conversion import families
from hydrochat_otel.views import prometheus
from hydrochat_otel.views.prometheus import Format
from hydrochat_otel.window.snapshot import Attributes, Retention, Snapshot

SERIES = 1000
ROUNDS = 15

_RETENTION = Retention(max_entries=1000, ttl_hours=24.0, current_entries=0, storage_utilization_percent=0.0)


def collected(limit: int = 2000) -> MetricsData:
    """Return what the SDK holds after every series of a Gemini histogram got a few measurements.

    Args:
        limit: How many series the SDK keeps apart; beyond its standard of 2000, a view has to say so.
    """
    reader = InMemoryMetricReader()
    views = [View(instrument_name="*", aggregation_cardinality_limit=limit + 1)] if limit > 2000 else []
    provider = MeterProvider([reader], resource=Resource.create({"service.name": "scrape"}), views=views)
    spec = semconv.GEN_AI_DURATION
    meter = provider.get_meter(semconv.SCOPE, "0.1.0")
    histogram = meter.create_histogram(
        spec.name, spec.unit, spec.description, explicit_bucket_boundaries_advisory=spec.edges
    )
    for series in range(SERIES):
        attributes = {
            semconv.GEN_AI_OPERATION: "generate_content",
            semconv.GEN_AI_PROVIDER: semconv.PROVIDER_GEMINI,
            semconv.GEN_AI_REQUEST_MODEL: f"model-{series}",
            semconv.GEN_AI_RESPONSE_MODEL: f"model-{series}-001",
            semconv.SERVER_ADDRESS: "generativelanguage.googleapis.com",
            semconv.SERVER_PORT: 443,
        }
        for measurement in range(5):
            histogram.record(0.003 * (series % 97 + 1) * 3**measurement, attributes)
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    return data


class StockExporter:
    """The stock exporter, fed with data that was already collected."""

    def __init__(self, data: MetricsData) -> None:
        self._registry = CollectorRegistry()
        self._reader = PrometheusMetricReader(registry=self._registry)
        self._reader._collector._callback = lambda: self._reader._collector.add_metrics_data(data)

    def text(self) -> bytes:
        """Render Prometheus text."""
        return generate_latest(self._registry)

    def openmetrics(self) -> bytes:
        """Render OpenMetrics."""
        return generate_openmetrics(self._registry)


class Rendering:
    """Our rendering of the same data, including the conversion to a snapshot."""

    def __init__(self, data: MetricsData) -> None:
        self._data = data
        self._resource: Attributes = {
            key: str(value) for key, value in data.resource_metrics[0].resource.attributes.items()
        }

    def _render(self, exposition: Format) -> bytes:
        snapshot = Snapshot(0.0, self._resource, families(self._data), (), _RETENTION)
        return prometheus.render(snapshot, exposition)

    def text(self) -> bytes:
        """Render Prometheus text."""
        return self._render(Format.TEXT)

    def openmetrics(self) -> bytes:
        """Render OpenMetrics."""
        return self._render(Format.OPENMETRICS)


def samples(body: bytes, parse: Callable[..., object]) -> dict[tuple[object, ...], float]:
    """Return the samples of a scrape by name and labels, edges as numbers, without unrequired ones."""
    found: dict[tuple[object, ...], float] = {}
    for family in parse(body.decode()):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if value}
            edge = float(labels.pop("le")) if sample.name.endswith("_bucket") else None
            key = (family.name, family.type, sample.name, frozenset(labels.items()), edge)
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def measured_ms(*calls: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each call, taken in turn so that a busy machine affects all of them."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            gc.collect()
            started = perf_counter()
            call()
            taken.append((perf_counter() - started) * 1000)
    return [median(taken) for taken in times]


def main() -> None:
    """Run the comparison, after a check that both give the same samples."""
    data = collected()
    ours, stock = Rendering(data), StockExporter(data)
    equal = samples(ours.text(), parsed_text) == samples(stock.text(), parsed_text)
    equal_openmetrics = samples(ours.openmetrics(), parsed_openmetrics) == samples(
        stock.openmetrics(), parsed_openmetrics
    )
    text_ms, openmetrics_ms, stock_ms, stock_openmetrics_ms = measured_ms(
        ours.text, ours.openmetrics, stock.text, stock.openmetrics
    )
    row = {
        "series": SERIES,
        "kilobytes": round(len(ours.text()) / 1000),
        "text_ms": round(text_ms, 2),
        "stock_text_ms": round(stock_ms, 2),
        "text_ratio": round(stock_ms / text_ms, 1),
        "openmetrics_ms": round(openmetrics_ms, 2),
        "stock_openmetrics_ms": round(stock_openmetrics_ms, 2),
        "openmetrics_ratio": round(stock_openmetrics_ms / openmetrics_ms, 1),
        "equal_after_parsing": equal and equal_openmetrics,
    }
    print(json.dumps(row))
    if not row["equal_after_parsing"]:
        raise SystemExit("The two renderings differ after parsing.")


if __name__ == "__main__":
    main()
