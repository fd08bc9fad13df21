"""The SDK's aggregations of one attribute set, updated without making a measurement object for each value.

Of several measurements between two collections the SDK shows one exemplar for a counter and the last one for each
bucket of a histogram. So candidates are held back, and only one for each place is offered.
"""

from bisect import bisect_left
from time import time_ns
from typing import Any, NamedTuple, Protocol

from opentelemetry.context import Context

from hydrochat_otel.instrumentation.feeds import Attributes, Origin, context_of


class Candidate(NamedTuple):
    """A measurement that may become an exemplar: its value, time, origin and attributes."""

    value: float
    time_unix_ns: int
    origin: Origin
    attributes: Attributes


Held = dict[tuple[Any, int], Candidate]
"""The candidates by the SDK's aggregation and the place in it; feeds share it if a view leaves attributes out."""


def offer_all(held: Held) -> None:
    """Offer every candidate to the SDK; one that is added meanwhile may wait for the next call."""
    while held:
        try:
            (aggregation, _), (value, time_unix_ns, origin, attributes) = held.popitem()
        except KeyError:  # another thread took the last one
            return
        aggregation._reservoir.offer(value, time_unix_ns, attributes, context_of(origin))


class Aggregation(Protocol):
    """Adds up values of one attribute set for one reader and view."""

    def add(self, value: float, origin: Origin, sampled: bool) -> None:
        """Add one value.

        Args:
            value: The value.
            origin: The span that it was measured in.
            sampled: Whether it may become an exemplar.
        """


def aggregation_of(aggregation: Any, attributes: Attributes, held: Held) -> Aggregation:
    """Return the fast form of an aggregation of the SDK, or one that calls its own functions."""
    reservoir: Any = getattr(aggregation, "_reservoir", None)
    kinds = (type(aggregation).__name__, type(reservoir).__name__)
    if kinds == ("_ExplicitBucketHistogramAggregation", "AlignedHistogramBucketExemplarReservoir"):
        return _Buckets(aggregation, attributes, held)
    if kinds == ("_SumAggregation", "SimpleFixedSizeExemplarReservoir") and reservoir._size == 1:
        return _Sum(aggregation, attributes, held)
    return _Other(aggregation, attributes)


class _Sum:
    """The sum of a counter: the first candidate since the last collection becomes its exemplar."""

    __slots__ = ("_aggregation", "_attributes", "_held", "_lock", "_place", "_reservoir")

    def __init__(self, aggregation: Any, attributes: Attributes, held: Held) -> None:
        self._aggregation = aggregation
        self._attributes = attributes
        self._held = held
        self._place = (aggregation, 0)
        self._lock = aggregation._lock
        self._reservoir = aggregation._reservoir

    def add(self, value: float, origin: Origin, sampled: bool) -> None:
        aggregation = self._aggregation
        with self._lock:
            aggregation._value = (aggregation._value or 0) + value
        if sampled and not self._reservoir._measurements_seen and self._place not in self._held:
            self._held[self._place] = Candidate(value, time_ns(), origin, self._attributes)


class _Buckets:
    """The buckets of a histogram: the last candidate of each becomes its exemplar."""

    __slots__ = ("_aggregation", "_attributes", "_edges", "_held", "_lock", "_with_extremes")

    def __init__(self, aggregation: Any, attributes: Attributes, held: Held) -> None:
        self._aggregation = aggregation
        self._attributes = attributes
        self._held = held
        self._edges = aggregation._boundaries
        self._lock = aggregation._lock
        self._with_extremes = aggregation._record_min_max

    def add(self, value: float, origin: Origin, sampled: bool) -> None:
        aggregation = self._aggregation
        place = bisect_left(self._edges, value)
        with self._lock:
            counts = aggregation._value
            if counts is None:
                counts = aggregation._value = aggregation._get_empty_bucket_counts()
            counts[place] += 1
            aggregation._sum += value
            if self._with_extremes:
                aggregation._min = min(aggregation._min, value)
                aggregation._max = max(aggregation._max, value)
        if sampled:
            self._held[aggregation, place] = Candidate(value, time_ns(), origin, self._attributes)


class _Other:
    """An aggregation or reservoir of another kind: takes each value by the SDK's own functions."""

    __slots__ = ("_aggregation", "_attributes")

    def __init__(self, aggregation: Any, attributes: Attributes) -> None:
        self._aggregation = aggregation
        self._attributes = attributes

    def add(self, value: float, origin: Origin, sampled: bool) -> None:
        context = context_of(origin) if sampled else None
        self._aggregation.aggregate(_Measurement(value, self._attributes, context), sampled)


class _Measurement:
    """The part of a measurement that an aggregation reads; the SDK's constructor would clean the attributes again."""

    __slots__ = ("attributes", "context", "time_unix_nano", "value")

    def __init__(self, value: float, attributes: Attributes, context: Context | None) -> None:
        self.value = value
        self.context = context
        self.attributes = attributes
        self.time_unix_nano = time_ns()
