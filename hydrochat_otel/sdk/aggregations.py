"""The SDK's aggregations of one attribute set, updated with several values in one step, without measurement objects.

Of several measurements between two collections the SDK shows one exemplar for a counter and the last one for each
bucket of a histogram. So candidates are held back, and only one for each place is offered.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import compress, repeat
from operator import add
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
    newest, context = None, None
    while held:
        try:
            (aggregation, _), (value, time_unix_ns, origin, attributes) = held.popitem()
        except KeyError:  # another thread took the last one
            return
        if origin is not newest:  # one span has many measurements
            newest, context = origin, context_of(origin)
        aggregation._reservoir.offer(value, time_unix_ns, attributes, context)


class Aggregation(Protocol):
    """Adds up values of one attribute set for one reader and view."""

    def add(self, values: Sequence[float], origins: Sequence[Origin], sampled: Sequence[bool]) -> None:
        """Add several values.

        Args:
            values: At least one value.
            origins: The span that each was measured in.
            sampled: Whether each may become an exemplar.
        """

    def add_all(self, values: Sequence[float], origin: Origin, *, is_sampled: bool) -> None:
        """Add several values that were measured in one span, and may or may not become exemplars."""
        self.add(values, (origin,) * len(values), (is_sampled,) * len(values))


def aggregation_of(aggregation: Any, attributes: Attributes, held: Held) -> Aggregation:
    """Return the fast form of an aggregation of the SDK, or one that calls its own functions."""
    reservoir: Any = getattr(aggregation, "_reservoir", None)
    kinds = (type(aggregation).__name__, type(reservoir).__name__)
    if kinds == ("_ExplicitBucketHistogramAggregation", "AlignedHistogramBucketExemplarReservoir"):
        return _Buckets(aggregation, attributes, held)
    if kinds == ("_SumAggregation", "SimpleFixedSizeExemplarReservoir") and reservoir._size == 1:
        return _Sum(aggregation, attributes, held)
    return _Other(aggregation, attributes)


class _Sum(Aggregation):
    """The sum of a counter: the first candidate since the last collection becomes its exemplar."""

    __slots__ = ("_aggregation", "_attributes", "_held", "_lock", "_place", "_reservoir")

    def __init__(self, aggregation: Any, attributes: Attributes, held: Held) -> None:
        self._aggregation = aggregation
        self._attributes = attributes
        self._held = held
        self._place = (aggregation, 0)
        self._lock = aggregation._lock
        self._reservoir = aggregation._reservoir

    def add(self, values: Sequence[float], origins: Sequence[Origin], sampled: Sequence[bool]) -> None:
        aggregation = self._aggregation
        with self._lock:
            aggregation._value = reduce(add, values, aggregation._value or 0)  # sum() rounds in another way
        if any(sampled) and not self._reservoir._measurements_seen and self._place not in self._held:
            value, origin = next(compress(zip(values, origins, strict=True), sampled))
            self._held[self._place] = Candidate(value, time_ns(), origin, self._attributes)


class _Buckets(Aggregation):
    """The buckets of a histogram: the last candidate of each becomes its exemplar."""

    __slots__ = ("_aggregation", "_attributes", "_edges", "_held", "_lock", "_with_extremes")

    def __init__(self, aggregation: Any, attributes: Attributes, held: Held) -> None:
        self._aggregation = aggregation
        self._attributes = attributes
        self._held = held
        self._edges = aggregation._boundaries
        self._lock = aggregation._lock
        self._with_extremes = aggregation._record_min_max

    def add(self, values: Sequence[float], origins: Sequence[Origin], sampled: Sequence[bool]) -> None:
        filled = self._count(values)
        if any(sampled):
            self._hold(compress(zip(reversed(values), reversed(origins), strict=True), reversed(sampled)), filled)

    def add_all(self, values: Sequence[float], origin: Origin, *, is_sampled: bool) -> None:
        filled = self._count(values)
        if is_sampled:
            self._hold(zip(reversed(values), repeat(origin)), filled)

    def _count(self, values: Sequence[float]) -> int:
        """Count the values, and return the number of buckets that they are in."""
        aggregation, least, most = self._aggregation, min(values), max(values)
        numbers = self._by_bucket(values, least, most)
        with self._lock:
            counts = aggregation._value
            if counts is None:
                counts = aggregation._value = aggregation._get_empty_bucket_counts()
            for place, number in numbers:
                counts[place] += number
            aggregation._sum = reduce(add, values, aggregation._sum)  # sum() rounds in another way
            if self._with_extremes:
                aggregation._min = min(aggregation._min, least)
                aggregation._max = max(aggregation._max, most)
        return len(numbers)

    def _by_bucket(self, values: Sequence[float], least: float, most: float) -> list[tuple[int, int]]:
        """Return how many values are in each bucket that has any, after its place."""
        edges, number = self._edges, len(values)
        first = bisect_left(edges, least)
        if first == len(edges) or most <= edges[first]:
            return [(first, number)]
        in_order, found, at = sorted(values), [], 0
        while at < number:
            place = bisect_left(edges, in_order[at])
            until = bisect_right(in_order, edges[place], at) if place < len(edges) else number
            found.append((place, until - at))
            at = until
        return found

    def _hold(self, newest_first: Iterable[tuple[float, Origin]], filled: int) -> None:
        """Hold the newest candidate of each bucket, of which no more than so many have one."""
        found = set[int]()
        for value, origin in newest_first:
            place = bisect_left(self._edges, value)
            if place not in found:
                self._held[self._aggregation, place] = Candidate(value, time_ns(), origin, self._attributes)
                found.add(place)
                if len(found) == filled:
                    return


class _Other(Aggregation):
    """An aggregation or reservoir of another kind: takes each value by the SDK's own functions."""

    __slots__ = ("_aggregation", "_attributes")

    def __init__(self, aggregation: Any, attributes: Attributes) -> None:
        self._aggregation = aggregation
        self._attributes = attributes

    def add(self, values: Sequence[float], origins: Sequence[Origin], sampled: Sequence[bool]) -> None:
        for value, origin, is_sampled in zip(values, origins, sampled, strict=True):
            context = context_of(origin) if is_sampled else None
            self._aggregation.aggregate(_Measurement(value, self._attributes, context), is_sampled)


class _Measurement:
    """The part of a measurement that an aggregation reads; the SDK's constructor would clean the attributes again."""

    __slots__ = ("attributes", "context", "time_unix_nano", "value")

    def __init__(self, value: float, attributes: Attributes, context: Context | None) -> None:
        self.value = value
        self.context = context
        self.attributes = attributes
        self.time_unix_nano = time_ns()
