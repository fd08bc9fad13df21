"""Feeds: one attribute set of one instrument, looked up once and fed with every measurement of its kind.

Here is the public way. The SDK's room may offer a faster one of the same shape (:data:`Feeder`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.util.types import AttributeValue

Attributes = Mapping[str, AttributeValue]


class Feed(Protocol):
    """Takes the measurements of one attribute set."""

    def take(self, value: float, context: Context, sampled: bool) -> None:
        """Add or record one value.

        Args:
            value: What was measured; finite and not negative.
            context: The context that it was measured in, for an exemplar.
            sampled: Whether the span of the context is sampled.
        """

    def take_all(self, values: Iterable[float], context: Context, sampled: bool) -> None:
        """Record several values that were measured in one context."""


Feeder = Callable[[Counter | Histogram, Attributes], Feed]
"""Makes the feed of an instrument and an attribute set; the attributes are not changed afterwards."""


class PublicFeed:
    """A feed through the OpenTelemetry API."""

    __slots__ = ("_attributes", "_record")

    def __init__(self, instrument: Counter | Histogram, attributes: Attributes) -> None:
        self._record = instrument.add if isinstance(instrument, Counter) else instrument.record
        self._attributes = attributes

    def take(self, value: float, context: Context, sampled: bool) -> None:  # noqa: ARG002 - the SDK asks the context
        """Add or record one value."""
        self._record(value, self._attributes, context)

    def take_all(self, values: Iterable[float], context: Context, sampled: bool) -> None:  # noqa: ARG002 - as above
        """Record several values."""
        for value in values:
            self._record(value, self._attributes, context)


def is_sampled(context: Context) -> bool:
    """Return whether the span of the context is sampled."""
    return bool(trace.get_current_span(context).get_span_context().trace_flags.sampled)
