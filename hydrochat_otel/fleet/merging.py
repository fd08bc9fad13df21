"""Adds up the numbers of several processes: counters and histograms by sum, gauges by their meaning.

Pure functions on :class:`Family`, independent of where the numbers come from.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain
from operator import add, is_
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.window import dollars
from hydrochat_otel.window.snapshot import Attributes, Exemplar, Family, HistogramPoint, NumberPoint, Point

MAX_SERIES: Final = 2000
"""Series of one metric that are kept of departed members: the SDK's own limit for a live process."""

OVERFLOW: Final[Mapping[str, str]] = {"otel.metric.overflow": "true"}
"""The attributes that further series are added up under, as in the SDK."""

_Key = tuple[str, str, str]
_Labels = frozenset[tuple[str, str]]
_KEPT_SERIES: Final = 16
"""The most series of a family whose sum with others is kept with it."""
_TOGETHER: Final = "other families and the sum"
_ON_GRID: Final = "the family on the grid"
_STEPS: Final = 1 << 26
"""Steps in a second, and in one of any other unit than dollars."""
_HISTOGRAMS: Final = {HistogramPoint}
_ACROSS: Final = {spec.name: spec.across for spec in semconv.METRICS}
_COMBINE: Final[Mapping[str, Callable[[float, float], float]]] = {
    "sum": lambda one, other: one + other,
    "dollars": dollars.plus,
    "max": max,
    "min": min,
    "fleet": lambda _, other: other,
}


def merged(parts: Iterable[Sequence[Family]]) -> tuple[Family, ...]:
    """Return the families of all parts together.

    Families of the same scope, name and kind become one, and so do series with the same attributes. Counters and
    histograms add up; histograms with different edges are added up on their common edges, which loses detail but no
    count. A gauge of ours follows :attr:`MetricSpec.across` (for ``fleet`` the last part counts); any other gauge adds
    up if it is additive, else the highest counts.
    """
    found: dict[_Key, list[Family]] = {}
    for families in parts:
        for family in families:
            found.setdefault(_key(family), []).append(family)
    return tuple(_together(same) for same in found.values())


def minus(families: Sequence[Family], base: Sequence[Family]) -> tuple[Family, ...]:
    """Return the families less what the base had counted already; gauges stay, no value falls below zero."""
    if not base:
        return tuple(families)
    before = {_key(family): {_labels(point): point for point in family.points} for family in base if _lasts(family)}
    return tuple(
        replace(
            family, points=tuple(_less(point, before[key].get(_labels(point)), family.unit) for point in family.points)
        )
        if (key := _key(family)) in before
        else family
        for family in families
    )


def exact(families: Iterable[Family]) -> tuple[Family, ...]:
    """Return the families with counts and sums that add up without rounding.

    The last digit of a sum of doubles depends on the order; a counter that falls by that digit looks like a reset.
    Seconds and others are rounded down to a binary grid, on which all orders agree up to 130 000 000; dollars are
    rounded as :mod:`dollars` says. A family that has not changed gives the same object again.
    """
    return tuple(_exact(family) if _lasts(family) else family for family in families)


def _exact(family: Family) -> Family:
    known: Family | None = family.made.get(_ON_GRID)
    if known is None:
        points = tuple(_on_grid(point, family.unit) for point in family.points)
        known = family.made[_ON_GRID] = replace(family, points=points)
    return known


def _floored(value: float) -> float:
    """Return the highest multiple of the step that is not above the value; whole and infinite values are unchanged."""
    if isinstance(value, int) or not math.isfinite(value):
        return value
    return math.floor(value * _STEPS) / _STEPS


def _on_grid(point: Point, unit: str) -> Point:
    if isinstance(point, HistogramPoint):
        return point._replace(sum=_floored(point.sum))
    if unit == dollars.UNIT and math.isfinite(point.value):
        return point._replace(value=dollars.rounded(point.value))
    return point._replace(value=_floored(point.value))


def lasting(families: Iterable[Family], *, max_series: int = MAX_SERIES) -> tuple[Family, ...]:
    """Return what stays true after a process has ended: counters and histograms, without exemplars, bounded.

    Series beyond `max_series` of a metric are added up under :data:`OVERFLOW`.
    """
    return tuple(_bounded(_bare(family), max_series) for family in families if _lasts(family))


def counts_anything(families: Iterable[Family]) -> bool:
    """Return whether any counter or histogram shows more than zero."""
    return any(
        any(point.counts) if isinstance(point, HistogramPoint) else point.value
        for family in families
        if _lasts(family)
        for point in family.points
    )


def count_the_same(one: Sequence[Family], other: Sequence[Family]) -> bool:
    """Return whether the counters and histograms of both are equal; stops at the first difference."""
    if len(one) != len(other):
        return False
    for now, before in zip(one, other, strict=True):
        if now is before:
            continue
        if now.name != before.name or (_lasts(now) and len(now.points) != len(before.points)):
            return False
        if _lasts(now):
            for point, known in zip(now.points, before.points, strict=True):
                if point[:-1] != known[:-1]:  # all but the exemplars
                    return False
    return True


def _key(family: Family) -> _Key:
    # Not the scope's version: during a rolling upgrade old and new workers count the same things.
    return family.scope, family.name, family.kind


def _lasts(family: Family) -> bool:
    return family.kind != "gauge"


def _labels(point: Point) -> _Labels:
    return frozenset(point.attributes.items())


def _together(same: list[Family]) -> Family:
    first = same[0]
    if len(same) == 1:
        return first
    if len(first.points) > _KEPT_SERIES:
        return _added_up(same)
    known, others = first.made.get(_TOGETHER), same[1:]
    if known is None or len(known[0]) != len(others) or not all(map(is_, known[0], others)):
        known = first.made[_TOGETHER] = others, _added_up(same)
    together: Family = known[1]
    return together


def _added_up(same: list[Family]) -> Family:
    first = same[0]
    across = _across(first)
    if across == "fleet":  # the last part speaks for the whole fleet, also where it has no series
        return replace(first, points=same[-1].points)
    series: dict[_Labels, list[Point]] = {}
    as_written: dict[tuple[tuple[str, str], ...], list[Point]] = {}
    for family in same:
        for point in family.points:
            # Most processes write the attributes of a series in the same order, in which they are compared faster.
            written = tuple(point.attributes.items())
            try:
                as_written[written].append(point)
            except KeyError:
                points = as_written[written] = series.setdefault(frozenset(written), [])
                points.append(point)
    return replace(first, points=tuple(_sum_of(points, across) for points in series.values()))


def _sum_of(points: list[Point], across: str) -> Point:
    """Return the sum of all points, as if they were added one after the other."""
    first = points[0]
    if len(points) == 1:
        return first
    if isinstance(first, HistogramPoint) and set(map(type, points)) == _HISTOGRAMS:
        _, edges, counts, sums, exemplars = zip(*points, strict=True)
        if edges.count(first.edges) == len(points):
            newest = _newest(chain.from_iterable(exemplars), first.edges) if any(exemplars) else ()
            together = tuple(map(sum, zip(*counts, strict=False)))
            return HistogramPoint(first.attributes, first.edges, together, reduce(add, sums), newest)
    return reduce(lambda one, other: _sum(one, other, across), points)


def _across(family: Family) -> str:
    if family.kind != "gauge":
        return "dollars" if family.unit == dollars.UNIT and family.kind == "counter" else "sum"
    if family.scope == semconv.SCOPE and family.name in _ACROSS:
        return _ACROSS[family.name]
    return "sum" if family.additive else "max"


def _sum(one: Point, other: Point, across: str) -> Point:
    if isinstance(one, HistogramPoint) and isinstance(other, HistogramPoint):
        edges, counts = _added(one, other)
        exemplars = _newest((*one.exemplars, *other.exemplars), edges)
        return HistogramPoint(one.attributes, edges, counts, one.sum + other.sum, exemplars)
    if isinstance(one, NumberPoint) and isinstance(other, NumberPoint):
        exemplars = _newest((*one.exemplars, *other.exemplars), ())
        return NumberPoint(one.attributes, _COMBINE[across](one.value, other.value), exemplars)
    return one


def _added(one: HistogramPoint, other: HistogramPoint) -> tuple[tuple[float, ...], tuple[int, ...]]:
    if one.edges == other.edges:
        return one.edges, tuple(map(int.__add__, one.counts, other.counts))
    edges = tuple(
        edge for edge in sorted({*one.edges, *other.edges}) if _is_known(one, edge) and _is_known(other, edge)
    )
    upto = [_up_to(one, edge) + _up_to(other, edge) for edge in edges]
    total = sum(one.counts) + sum(other.counts)
    return edges, tuple(high - low for low, high in zip([0, *upto], [*upto, total], strict=True))


def _is_known(point: HistogramPoint, edge: float) -> bool:
    """Return whether the number of the histogram's values at or below the edge can be derived."""
    index = bisect_left(point.edges, edge)
    return (index < len(point.edges) and point.edges[index] == edge) or point.counts[index] == 0


def _up_to(point: HistogramPoint, edge: float) -> int:
    index = bisect_left(point.edges, edge)
    inside = index < len(point.edges) and point.edges[index] == edge
    return sum(point.counts[: index + 1 if inside else index])


def _newest(exemplars: Iterable[Exemplar], edges: tuple[float, ...]) -> tuple[Exemplar, ...]:
    """Return the newest exemplar of each bucket."""
    newest: dict[int, Exemplar] = {}
    for exemplar in exemplars:
        bucket = bisect_left(edges, exemplar.value)
        if bucket not in newest or newest[bucket].unix_s < exemplar.unix_s:
            newest[bucket] = exemplar
    return tuple(newest.values())


def _less(point: Point, before: Point | None, unit: str) -> Point:
    if isinstance(point, HistogramPoint) and isinstance(before, HistogramPoint) and point.edges == before.edges:
        counts = tuple(max(0, now - then) for now, then in zip(point.counts, before.counts, strict=True))
        return point._replace(counts=counts, sum=point.sum - before.sum if any(counts) else 0.0)
    if isinstance(point, NumberPoint) and isinstance(before, NumberPoint):
        less = max(0, point.value - before.value)
        return point._replace(value=dollars.rounded(less) if unit == dollars.UNIT else less)
    return point


def _bare(family: Family) -> Family:
    return replace(family, points=tuple(point._replace(exemplars=()) for point in family.points))


def _bounded(family: Family, max_series: int) -> Family:
    if len(family.points) <= max_series:
        return family
    named = [point for point in family.points if dict(point.attributes) != OVERFLOW]
    lumped = [point for point in family.points if dict(point.attributes) == OVERFLOW]
    total: Point | None = None
    for point in (*lumped, *named[max_series - 1 :]):
        attributes: Attributes = OVERFLOW
        more = point._replace(attributes=attributes)
        total = more if total is None else _sum(total, more, _across(family))
    return replace(family, points=(*named[: max_series - 1], *([total] if total else [])))
