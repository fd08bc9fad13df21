"""Attribution of work: the tracked operation around it, the outermost one, and the application's own dimensions.

All of it travels in the OpenTelemetry context, so it reaches asynchronous tasks without help, and threads if the
context is propagated to them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from opentelemetry import context as context_api, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import contexts

[SPAN_KEY] = trace.set_span_in_context(trace.INVALID_SPAN, Context())
"""The key under which the API keeps the current span."""

Dimensions = tuple[tuple[str, str], ...]
"""Names and values of the application's own dimensions, sorted by name."""

WITHIN_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.within")
"""The key of the tracked operations that the context is in."""
_DIMENSIONS_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.dimensions")


class Within(NamedTuple):
    """The tracked operations around a piece of work: the innermost one and the outermost one."""

    operation: str
    root: str


OUTSIDE: Final = Within(semconv.NONE, semconv.NONE)
"""Outside of every tracked operation."""
_NOWHERE: Final[tuple[Within, Dimensions]] = (OUTSIDE, ())


def within(context: Context) -> Within | None:
    """Return the tracked operations that the context is in, or None."""
    return context.get(WITHIN_KEY)  # type: ignore[return-value]  # only inside() sets the key


def inside(context: Context, operations: Within | None, span: Span | None) -> Context:
    """Return the context for code inside the operations and the span; None leaves the respective value unchanged."""
    made = Context(context)
    if operations is not None:
        dict.__setitem__(made, WITHIN_KEY, operations)  # a context is immutable once it is returned
    if span is not None:
        dict.__setitem__(made, SPAN_KEY, span)
    return made


def dimensions(context: Context) -> Dimensions:
    """Return the dimensions that the context carries."""
    return context.get(_DIMENSIONS_KEY, ())  # type: ignore[return-value]  # only cost_dimensions() sets the key


def of(context: Context) -> tuple[Within, Dimensions]:
    """Return the operations and dimensions by which calls in the context are counted."""
    return (within(context) or OUTSIDE, dimensions(context)) if context else _NOWHERE


@contextmanager
def cost_dimensions(**values: str) -> Iterator[None]:
    """Count the calls to Gemini that are made inside by the application's own dimensions.

        with cost_dimensions(tenant_tier="gold"):
            reply = client.models.generate_content(...)

    Their names are those of `HYDROCHAT_COST_DIMENSIONS`; any other name is ignored, and the first 20 values of each
    name are counted separately. Dimensions inside others add to them. Works across asynchronous tasks, and in threads
    that the context is propagated to. Never name a person: the values become labels of Prometheus.

    Args:
        values: Values by name, identifiers such as ``gold``; any other value, or one that looks like a record number,
            is counted as ``other``.
    """
    outer: Mapping[str, str] = dict(dimensions(contexts.get_current()))
    with contexts.holding(_DIMENSIONS_KEY, tuple(sorted({**outer, **values}.items()))):
        yield
