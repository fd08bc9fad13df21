"""The families of one cumulative reader's metrics, renewed where the SDK has recorded something since the last time.

A collection by the SDK makes new points for all series. Most series have not changed between two collections: the
SDK's aggregation shows it, because a collection moves its value into the sum of all earlier ones and leaves none.
"""

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from opentelemetry.metrics import Counter, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    Gauge,
    Histogram,
    Metric,
    Sum,
)

from hydrochat_otel.sdk import conversion
from hydrochat_otel.sdk.newest_exemplars import NewestExemplars
from hydrochat_otel.window.snapshot import Family, HistogramPoint, Point

_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
_STATE: Final = attrgetter("_value", "_previous_value")
_BUCKETS: Final = attrgetter("_reservoir._reservoir_storage")
_WAS_OFFERED: Final = attrgetter("_ExemplarBucket__offered")
_SERIES_WISE: Final = frozenset({"_SumAggregation", "_ExplicitBucketHistogramAggregation"})
_RESERVOIRS: Final = frozenset({"SimpleFixedSizeExemplarReservoir", "AlignedHistogramBucketExemplarReservoir"})


class UnexpectedError(Exception):
    """The SDK's storage is not as expected."""


class KeptFamily:
    """The family of one instrument and view, as of the last :meth:`renew`.

    Attributes:
        is_series_wise: Whether it is a :class:`KeptSeries`.
        family: None if there are no series.
        scope_number: As given.

    Args:
        instrument: Of the SDK.
        match: The SDK's storage of the instrument under a view.
        scope_number: Groups the families of one scope.
        exemplars: The newest exemplars of all series that the reader has seen.
    """

    is_series_wise = False

    def __init__(
        self,
        instrument: Any,
        match: Any,
        scope_number: int,
        exemplars: NewestExemplars,
    ) -> None:
        self.family: Family | None = None
        self.scope_number = scope_number
        self._instrument = instrument
        self._match = match
        self._exemplars = exemplars
        self._kind = type(match._aggregation).__name__

    def renew(self, start_unix_ns: int) -> None:
        """Collect now, as the SDK does; an equal family stays the same object."""
        data_points = self._match.collect(_CUMULATIVE, start_unix_ns) or ()
        points = tuple(self._completed(conversion.point_of(one)) for one in data_points)
        if self.family is None or not _are_the_same(points, self.family.points):
            self._set(points, data_points)

    def _completed(self, point: Point) -> Point:
        return self._exemplars.completed(self._instrument.instrumentation_scope.name or "", self._match._name, point)

    def _set(self, points: tuple[Point, ...], data_points: Any) -> None:
        if not points:
            self.family = None
            return
        match, instrument = self._match, self._instrument
        metric = Metric(match._name, match._description, match._instrument.unit, self._data(data_points))
        self.family = conversion.family(metric, instrument.instrumentation_scope, points)

    def _data(self, data_points: Any) -> Any:
        if self._kind == "_SumAggregation":
            return Sum(data_points, _CUMULATIVE, isinstance(self._instrument, Counter | ObservableCounter))
        if self._kind == "_LastValueAggregation":
            return Gauge(data_points)
        if self._kind == "_ExplicitBucketHistogramAggregation":
            return Histogram(data_points, _CUMULATIVE)
        if self._kind == "_ExponentialBucketHistogramAggregation":
            return ExponentialHistogram(data_points, _CUMULATIVE)
        raise UnexpectedError(self._kind)


class KeptSeries(KeptFamily):
    """The same of a counter or histogram: only the series that have changed are collected."""

    is_series_wise = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._known: tuple[list[Any], list[Point]] = [], []

    @property
    def states(self) -> list[Any]:
        """The state of each series when it was collected."""
        return self._known[0]

    def aggregations(self) -> list[Any]:
        """Return the SDK's aggregations, one for each series."""
        return list(self._match._attributes_aggregation.values())

    def renew(self, start_unix_ns: int) -> None:
        """Collect the series that have changed."""
        states, points = self._known
        if states_of((self,)) == states:
            return
        with self._match._lock:
            aggregations = self.aggregations()
            states, points, newest = states[:], points[:], None
            for number, aggregation in enumerate(aggregations):
                known = points[number] if number < len(points) else None
                if known is not None and _STATE(aggregation) == states[number] and not _have_exemplars((aggregation,)):
                    continue
                newest = aggregation.collect(_CUMULATIVE, start_unix_ns)
                point = self._completed(conversion.point_of(newest, known))
                # The value is in the sum of all earlier ones now: the next one makes another state.
                states[number : number + 1] = ((None, aggregation._previous_value),)
                points[number : number + 1] = (point,)
        if newest is not None:
            self._set(tuple(points), [newest])
            self._known = states, points


def states_of(kept: Iterable[KeptSeries]) -> list[Any] | None:
    """Return the states of all series now, equal to those at the last collection if nothing was recorded since.

    None if an exemplar waits.
    """
    aggregations = list(chain.from_iterable([one.aggregations() for one in kept]))
    return None if _have_exemplars(aggregations) else list(map(_STATE, aggregations))


def _are_the_same(points: tuple[Point, ...], known: tuple[Point, ...]) -> bool:
    """Return whether no view can distinguish the points: 1 and 1.0, or 0.0 and -0.0, are equal but look different."""
    return points == known and [*map(_shown, points)] == [*map(_shown, known)]


def _shown(point: Point) -> str:
    return repr(point.sum if isinstance(point, HistogramPoint) else point.value)


def _have_exemplars(aggregations: Iterable[Any]) -> bool:
    """Return whether an exemplar waits that no collection has taken."""
    filled = [buckets for buckets in map(_BUCKETS, aggregations) if buckets]
    return any(any(map(_WAS_OFFERED, list(buckets.values()))) for buckets in filled)


class Dropped(KeptFamily):
    """The family of an instrument that a view drops: there is none."""

    def renew(self, start_unix_ns: int) -> None:
        """Do nothing."""


def kept_family(instrument: Any, match: Any, scope_number: int, exemplars: NewestExemplars) -> KeptFamily:
    """Return what keeps the family of an instrument and view; the arguments are those of :class:`KeptFamily`."""
    aggregation = match._aggregation
    kind = type(aggregation).__name__
    made: type[KeptFamily] = KeptFamily
    if kind == "_DropAggregation":
        made = Dropped
    elif (
        kind in _SERIES_WISE
        and aggregation._instrument_aggregation_temporality is AggregationTemporality.DELTA
        and type(aggregation._reservoir).__name__ in _RESERVOIRS
    ):
        made = KeptSeries
    return made(instrument, match, scope_number, exemplars)
