"""Feeds: one attribute set of one instrument, looked up once and used for every measurement of its kind.

This module has the public path. The sdk package may provide a faster one of the same type (:class:`Feeder`).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.util.types import AttributeValue

from hydrochat_otel.runtime import failures

Attributes = Mapping[str, AttributeValue]

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED = TraceFlags(TraceFlags.DEFAULT)


class Origin(Protocol):
    """The span that a measurement was made in, as far as an exemplar needs it."""

    @property
    def trace_id(self) -> int:
        """As an integer; 0 without a span."""

    @property
    def span_id(self) -> int:
        """As an integer; 0 without a span."""

    @property
    def is_sampled(self) -> bool:
        """Whether the span is sampled."""


class Feed(Protocol):
    """Takes the measurements of one attribute set."""

    def take(self, value: float, origin: Origin) -> None:
        """Add or record one value; finite and not negative."""

    def take_each(self, values: Sequence[float], origins: Sequence[Origin]) -> None:
        """Add or record several values, each measured in its own span."""

    def take_all(self, values: Sequence[float], origin: Origin) -> None:
        """Record several values that were measured in one span."""


class Feeder(Protocol):
    """Makes feeds."""

    def feed(self, instrument: Counter | Histogram, attributes: Attributes) -> Feed:
        """Return the feed of an instrument and an attribute set; the attributes do not change afterwards."""

    def flush(self) -> None:
        """Record the values that feeds hold back; called after several measurements, never raises."""


class PublicFeed:
    """A feed through the OpenTelemetry API."""

    __slots__ = ("_attributes", "_record")

    def __init__(self, instrument: Counter | Histogram, attributes: Attributes) -> None:
        self._record = instrument.add if isinstance(instrument, Counter) else instrument.record
        self._attributes = attributes

    def take(self, value: float, origin: Origin) -> None:
        """Add or record one value; an instrument that fails costs this value, and no other metric."""
        try:
            self.record(value, origin)
        except BaseException as error:
            failures.note("instrument", error)

    def record(self, value: float, origin: Origin) -> None:
        """Add or record one value; raises what the instrument raises."""
        self._record(value, self._attributes, context_of(origin))

    def take_each(self, values: Sequence[float], origins: Sequence[Origin]) -> None:
        """Add or record several values, each measured in its own span."""
        for value, origin in zip(values, origins, strict=True):
            self.take(value, origin)

    def take_all(self, values: Sequence[float], origin: Origin) -> None:
        """Record several values."""
        for value in values:
            self.take(value, origin)


class PublicFeeder:
    """Makes feeds through the OpenTelemetry API."""

    def feed(self, instrument: Counter | Histogram, attributes: Attributes) -> Feed:
        """Return a feed."""
        return PublicFeed(instrument, attributes)

    def flush(self) -> None:
        """Do nothing: the API takes each measurement at once."""


def context_of(origin: Origin) -> Context:
    """Return a context with the span of a measurement, from which the SDK makes an exemplar."""
    if not origin.trace_id:
        return Context()
    flags = _SAMPLED if origin.is_sampled else _NOT_SAMPLED
    own = SpanContext(origin.trace_id, origin.span_id, is_remote=False, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(own), Context())
