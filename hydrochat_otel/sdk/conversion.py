"""Converts the SDK's collected data into plain families, free of SDK types."""

import json
import math
from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from hydrochat_otel.window.snapshot import Attributes, Exemplar, Family, FamilyKind, HistogramPoint, NumberPoint, Point

_NO_ATTRIBUTES: Final[Attributes] = {}


def families(data: MetricsData) -> tuple[Family, ...]:
    """Convert the SDK's data into families, one for each metric of each scope.

    Exponential histograms become histograms with the same buckets written out. A sum that can fall is a gauge.
    """
    return tuple(
        family(metric, scope_metrics.scope, tuple(point_of(one) for one in metric.data.data_points))
        for resource_metrics in data.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
    )


def family(metric: Metric, scope: InstrumentationScope, points: tuple[Point, ...]) -> Family:
    """Return the family of a metric of the SDK with these points."""
    kind = _kind(metric)
    return Family(
        metric.name,
        kind,
        metric.unit or "",
        metric.description or "",
        scope.name or "",
        scope.version or "",
        points,
        additive=kind == "gauge" and isinstance(metric.data, Sum),
    )


def _kind(metric: Metric) -> FamilyKind:
    data = metric.data
    if isinstance(data, Sum):
        monotonic = data.is_monotonic and data.aggregation_temporality is AggregationTemporality.CUMULATIVE
        return "counter" if monotonic else "gauge"
    points = data.data_points
    return "gauge" if points and isinstance(points[0], NumberDataPoint) else "histogram"


def point_of(data_point: Any, before: Point | None = None) -> Point:
    """Convert one point of the SDK.

    Args:
        data_point: Of any kind.
        before: An earlier point of the same series, whose attributes are used again.
    """
    attributes: Attributes
    if before is None:
        attributes = {key: text(value) for key, value in (data_point.attributes or _NO_ATTRIBUTES).items()}
    else:
        attributes = before.attributes
    exemplars = data_point.exemplars
    kept = tuple(_exemplar(one) for one in exemplars if one.trace_id) if exemplars else ()
    if isinstance(data_point, HistogramDataPoint):
        edges, counts = tuple(data_point.explicit_bounds), tuple(data_point.bucket_counts)
        return HistogramPoint(attributes, edges, counts, data_point.sum, kept)
    if isinstance(data_point, ExponentialHistogramDataPoint):
        return HistogramPoint(attributes, *_written_out(data_point), data_point.sum, kept)
    return NumberPoint(attributes, data_point.value, kept)


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


def attributes_of(resources: Iterable[Resource]) -> dict[str, str]:
    """Return the attributes of resources as text."""
    return {key: text(value) for resource in resources for key, value in resource.attributes.items()}


def text(value: Any) -> str:
    """Return an attribute's value as text."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else json.dumps(value, default=str)
