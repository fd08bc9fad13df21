"""Prometheus families: metrics of the same name from all scopes, joined into one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from operator import add
from typing import Final, Literal

from hydrochat_otel.runtime import failures, process_globals
from hydrochat_otel.views.prometheus.naming import family_name, labels
from hydrochat_otel.window import dollars
from hydrochat_otel.window.snapshot import Attributes, Family, HistogramPoint, Metrics, NumberPoint, Point, Snapshot

Kind = Literal["counter", "gauge", "histogram", "info"]

SUFFIXES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "info": ("_info",),
}
"""Suffixes of the names of a family's samples: no other family may have a sample of such a name."""

_ALONE: Final = "Prometheus family"
_SCOPE_LABELS: Final = frozenset({"otel_scope_name", "otel_scope_version"})
_HISTOGRAM_LABELS: Final = _SCOPE_LABELS | {"le"}


@dataclass(slots=True)
class PrometheusFamily:
    """One family of the exposition.

    Attributes:
        sample_names: The names that its samples may have.
        others: Series that no metric has.
        texts: Its lines, for the renderer to keep if it has one metric or none; by format; None once they
            were written and not kept.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    sample_names: frozenset[str]
    others: Mapping[str, Point] = field(default_factory=dict)
    texts: dict[object, bytes | None] = field(default_factory=dict)

    def points(self, metrics: Iterable[Family]) -> dict[str, Point]:
        """Return the points of metrics, by their labels without braces, the scope's among them.

        Leaves out and counts conflicts.
        """
        points = dict(self.others)
        for metric in metrics:
            try:
                _take_in(points, metric)
            except Exception as error:
                failures.note("prometheus.family", error)
        return points


Joined = tuple[PrometheusFamily, tuple[Family, ...]]


def joined(snapshot: Snapshot | Metrics) -> Iterable[Joined]:
    """Return the families of a snapshot with the metrics that each joins, of all scopes; `target_info` first.

    Series with the same labels are summed; of gauges the last one counts. What conflicts with an earlier family is left
    out and counted: another kind, the same name for a sample, other edges in a histogram of the same labels.
    """
    by_name: dict[str, Joined] = {}
    if target := _target(snapshot.resource):
        by_name["target"] = target, ()
    sample_names = {"target_info"}
    for metric in snapshot.families:
        try:
            _join(metric, by_name, sample_names)
        except Exception as error:
            failures.note("prometheus.family", error)
    return by_name.values()


def _target(resource: Attributes) -> PrometheusFamily | None:
    known = _newest_target.get("target")
    if known is not None and known[0] is resource:
        return known[1]
    try:
        series = labels(resource)
    except Exception as error:
        failures.note("prometheus.series", error)
        return None
    if not series:
        return None
    points = {series: NumberPoint(resource, 1.0)}
    family = PrometheusFamily("target", "info", "", "Target metadata", frozenset({"target_info"}), others=points)
    _newest_target["target"] = resource, family
    return family


_newest_target: Final[dict[str, tuple[Attributes, PrometheusFamily]]] = {}
"""The newest resource, and its family."""
process_globals.register("target of scrapes", _newest_target.clear)


def _join(metric: Family, by_name: dict[str, Joined], sample_names: set[str]) -> None:
    if not metric.points:
        return
    alone: PrometheusFamily = metric.made.get(_ALONE) or _alone(metric)
    before = by_name.get(alone.name)
    if before is None and sample_names.isdisjoint(alone.sample_names):
        sample_names |= alone.sample_names
        by_name[alone.name] = alone, (metric,)
    elif before is not None and before[0].kind == alone.kind:
        by_name[alone.name] = before[0], (*before[1], metric)
    else:
        failures.note("prometheus.conflict")


def _alone(metric: Family) -> PrometheusFamily:
    """Return the family of one metric, which is kept with it: most names have one scope only."""
    name, unit = family_name(metric.name, metric.unit, is_counter=metric.kind == "counter")
    sample_names = frozenset(name + suffix for suffix in SUFFIXES[metric.kind])
    made = metric.made[_ALONE] = PrometheusFamily(name, metric.kind, unit, metric.description, sample_names)
    return made


def _take_in(points: dict[str, Point], metric: Family) -> None:
    scope = labels({"otel_scope_name": metric.scope, "otel_scope_version": metric.scope_version})
    taken = _HISTOGRAM_LABELS if metric.kind == "histogram" else _SCOPE_LABELS
    is_usd = metric.unit == dollars.UNIT
    for point in map(_rounded, metric.points) if is_usd else metric.points:
        try:
            own = labels(point.attributes, taken)
        except Exception as error:
            failures.note("prometheus.series", error)
            continue
        series = f"{own},{scope}" if own and scope else own or scope
        before = points.setdefault(series, point)
        if before is point:
            continue
        both = point if metric.kind == "gauge" else _sum(before, point)
        if is_usd and both is not None:
            both = _rounded(both)
        if both is None:
            failures.note("prometheus.conflict")
        else:
            points[series] = both


def _rounded(point: Point) -> Point:
    """Return dollars as the export and the page show them."""
    if isinstance(point, NumberPoint) and isfinite(point.value):
        return point._replace(value=dollars.shown(point.value))
    return point


def _sum(one: Point, other: Point) -> Point | None:
    """Return the sum of two points of the same series, None for histograms whose edges differ."""
    exemplars = one.exemplars + other.exemplars
    if isinstance(one, NumberPoint) and isinstance(other, NumberPoint):
        return NumberPoint(one.attributes, one.value + other.value, exemplars)
    assert isinstance(one, HistogramPoint)
    assert isinstance(other, HistogramPoint)
    if one.edges != other.edges:
        return None
    counts = tuple(map(add, one.counts, other.counts))
    return HistogramPoint(one.attributes, one.edges, counts, one.sum + other.sum, exemplars)
