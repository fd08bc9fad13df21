"""The metric reader: collects from the SDK on demand and returns plain families, free of SDK types."""

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricReader,
    MetricsData,
    NumberDataPoint,
    Sum,
)

from hydrochat_otel.runtime import deferred_queue
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.window.snapshot import Exemplar, Family, FamilyKind, HistogramPoint, NumberPoint, Point

_NO_DEADLINE_MS: Final = 10 * 365.25 * 86_400_000
"""The SDK compares its deadline with the wall clock, so a clock that jumps ahead would end a collection."""

_Series = frozenset[tuple[str, str]]


class SnapshotReader(MetricReader):
    """A cumulative reader whose caller collects; concurrent collections take turns.

    ``OTEL_METRICS_EXPORTER=hydrochat`` makes the SDK create it; the pipeline finds it there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turn = ForkLock()
        self._collected: list[MetricsData] = []
        self._newest: dict[tuple[str, str], dict[_Series, dict[int, Exemplar]]] = {}

    def read(self) -> tuple[tuple[Family, ...], Mapping[str, str]]:
        """Collect now; return the families and the resource's attributes as text. Any thread may call.

        Before the reader is registered with a provider, and after it was removed, both are empty.

        Queued work is recorded first: inside the collection, where the SDK's callback would do it, a backlog that takes
        longer than the SDK's deadline of ten seconds ends the collection with an exception.
        """
        deferred_queue.drain_all()
        with self._turn:
            self._collected.clear()
            self.collect(timeout_millis=_NO_DEADLINE_MS)
            collected = self._collected.pop() if self._collected else None
            if collected is None:
                return (), {}
            return tuple(self._with_newest_exemplars(family) for family in families(collected)), _resource(collected)

    def _with_newest_exemplars(self, family: Family) -> Family:
        """Return the family with the newest exemplar of each bucket, also if an earlier collection took it.

        The SDK returns each exemplar once; without this the page's refresh would take it from Prometheus.
        """
        of_family = self._newest.get((family.scope, family.name))
        if of_family is None:
            if not any(point.exemplars for point in family.points):
                return family
            of_family = self._newest[family.scope, family.name] = {}
        points: list[Point] = []
        for point in family.points:
            series = frozenset(point.attributes.items())
            newest = of_family.get(series)
            if point.exemplars:
                newest = of_family.setdefault(series, {})
                edges = point.edges if isinstance(point, HistogramPoint) else ()
                newest.update((bisect_left(edges, one.value), one) for one in point.exemplars)
            points.append(point._replace(exemplars=tuple(newest.values())) if newest else point)
        return replace(family, points=tuple(points))

    def _receive_metrics(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK's signature
        **_: Any,
    ) -> None:
        self._collected.append(metrics_data)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Return True: nothing is pushed, so a flush must not collect between two scrapes."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing; the last collection was returned already."""

    def forget_parent(self) -> None:
        """Discard in a forked child what the parent collected."""
        self._collected.clear()
        self._newest.clear()


def families(data: MetricsData) -> tuple[Family, ...]:
    """Convert the SDK's data into families, one for each metric of each scope.

    Exponential histograms become histograms with the same buckets written out. A sum that can fall is a gauge.
    """
    return tuple(
        Family(
            metric.name,
            _kind(metric),
            metric.unit or "",
            metric.description or "",
            scope_metrics.scope.name or "",
            scope_metrics.scope.version or "",
            tuple(_points(metric.data.data_points)),
            additive=_kind(metric) == "gauge" and isinstance(metric.data, Sum),
        )
        for resource_metrics in data.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
    )


def _kind(metric: Metric) -> FamilyKind:
    data = metric.data
    if isinstance(data, Sum):
        monotonic = data.is_monotonic and data.aggregation_temporality is AggregationTemporality.CUMULATIVE
        return "counter" if monotonic else "gauge"
    points = data.data_points
    return "gauge" if points and isinstance(points[0], NumberDataPoint) else "histogram"


def _points(points: Iterable[Any]) -> Iterable[Point]:
    for point in points:
        attributes = {key: _text(value) for key, value in (point.attributes or {}).items()}
        exemplars = tuple(_exemplar(one) for one in point.exemplars if one.trace_id) if point.exemplars else ()
        if isinstance(point, HistogramDataPoint):
            edges, counts = tuple(point.explicit_bounds), tuple(point.bucket_counts)
            yield HistogramPoint(attributes, edges, counts, point.sum, exemplars)
        elif isinstance(point, ExponentialHistogramDataPoint):
            yield HistogramPoint(attributes, *_written_out(point), point.sum, exemplars)
        else:
            yield NumberPoint(attributes, point.value, exemplars)


def _written_out(point: ExponentialHistogramDataPoint) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return edges and counts of an exponential histogram, from the most negative bucket to the largest."""
    base: float = 2.0 ** (2.0**-point.scale)
    pairs = [(-_power(base, exponent), count) for exponent, count in reversed(_filled(point.negative))]
    if point.zero_count:
        pairs.append((0.0, point.zero_count))
    if positive := _filled(point.positive):
        pairs.append((_power(base, positive[0][0]), 0))
        pairs += [(_power(base, exponent + 1), count) for exponent, count in positive]
    return tuple(edge for edge, _ in pairs), (*(count for _, count in pairs), 0)


def _power(base: float, exponent: int) -> float:
    try:
        return base**exponent
    except OverflowError:
        return math.inf


def _filled(buckets: Any) -> list[tuple[int, int]]:
    """Return exponent of the lower edge and count, from the first to the last non-empty bucket."""
    numbered = [(buckets.offset + index, count) for index, count in enumerate(buckets.bucket_counts)]
    filled = [index for index, (_, count) in enumerate(numbered) if count]
    return numbered[filled[0] : filled[-1] + 1] if filled else []


def _exemplar(exemplar: Any) -> Exemplar:
    return Exemplar(
        exemplar.value, exemplar.time_unix_nano / 1e9, f"{exemplar.trace_id:032x}", f"{exemplar.span_id:016x}"
    )


def _resource(data: MetricsData) -> dict[str, str]:
    return {
        key: _text(value)
        for resource_metrics in data.resource_metrics
        for key, value in resource_metrics.resource.attributes.items()
    }


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else json.dumps(value, default=str)
