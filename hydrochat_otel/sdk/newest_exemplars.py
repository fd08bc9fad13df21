"""The newest exemplar of each bucket of each series, also if an earlier collection took it.

The SDK returns each exemplar once; without this the page's refresh would take it from Prometheus.
"""

from bisect import bisect_left
from dataclasses import replace

from hydrochat_otel.window.snapshot import Exemplar, Family, HistogramPoint, Point

_Series = frozenset[tuple[str, str]]


class NewestExemplars:
    """Keeps the exemplars that one reader has seen; its caller takes turns."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], dict[_Series, dict[int, Exemplar]]] = {}

    def completed(self, scope: str, name: str, point: Point) -> Point:
        """Return a point of the metric with the newest exemplars of its series, its own among them."""
        of_family = self._newest.get((scope, name))
        if of_family is None:
            if not point.exemplars:
                return point
            of_family = self._newest[scope, name] = {}
        series = frozenset(point.attributes.items())
        newest = of_family.get(series)
        if point.exemplars:
            newest = of_family.setdefault(series, {})
            edges = point.edges if isinstance(point, HistogramPoint) else ()
            newest.update((bisect_left(edges, one.value), one) for one in point.exemplars)
        return point._replace(exemplars=tuple(newest.values())) if newest else point

    def completed_family(self, family: Family) -> Family:
        """Return the family with all its points completed."""
        if (family.scope, family.name) not in self._newest and not any(point.exemplars for point in family.points):
            return family
        return replace(
            family, points=tuple(self.completed(family.scope, family.name, point) for point in family.points)
        )

    def forget(self) -> None:
        """Forget all exemplars."""
        self._newest.clear()
