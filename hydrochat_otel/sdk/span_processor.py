"""The span processor: adds other libraries' spans to the window, with allow-listed fields only.

Our own records reach the window by another path, whatever a sampler or a limit of the host's decides.
"""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures
from hydrochat_otel.window import window
from hydrochat_otel.window.entry import Entry

_GEN_AI_NAMES: Final = frozenset(
    {"chat", "generate_content", "text_completion", "embeddings", "count_tokens", "execute_tool", "invoke_agent"}
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"})


class RetentionSpanProcessor(SpanProcessor):
    """Keeps finished spans of other libraries in the process's window, if enabled, by their low-cardinality attributes.

    Spans that a sampler dropped never get here; recorded but unsampled ones do. Exceptions are caught and counted,
    because the SDK would raise them into the application.

    Args:
        retain_other_spans: Whether other libraries' spans are kept.
    """

    def __init__(self, *, retain_other_spans: bool = False) -> None:
        self.retain_other_spans = retain_other_spans
        self.active = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span if it is another library's; called on the thread that ends it, never raises or waits."""
        if not self.active or not self.retain_other_spans:
            return
        try:
            scope = span.instrumentation_scope
            if scope is None or scope.name != semconv.SCOPE:
                window.keep([_entry_of(span, semconv.OTHER if scope is None else scope.name)])
        except BaseException as error:
            failures.note("retention", error)

    def shutdown(self) -> None:
        """Accept no more spans."""
        self.active = False

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing waits here
        """Return True: a span is kept the moment it ends."""
        return True


def _entry_of(span: ReadableSpan, name: str) -> Entry:
    """Name the span by attributes that are low-cardinality by convention; its own name may quote a path."""
    attributes = span.attributes or {}
    method, route = attributes.get("http.request.method"), attributes.get("http.route")
    gen_ai_operation = attributes.get(semconv.GEN_AI_OPERATION)
    if method in _METHODS and isinstance(route, str):
        name = f"{method} {route}"
    elif gen_ai_operation in _GEN_AI_NAMES:
        name = f"{name} {gen_ai_operation}"
    error = attributes.get(semconv.ERROR_TYPE)
    start_unix_ns, end_unix_ns = span.start_time or 0, span.end_time or 0
    context, parent = span.context, span.parent
    return Entry(
        "span",
        name,
        (end_unix_ns - start_unix_ns) / 1e9,
        end_unix_ns / 1e9,
        error=error if isinstance(error, str) and error.isidentifier() else None,
        outcome="ok" if error is None else "error",
        trace_id=context.trace_id if context else 0,
        span_id=context.span_id if context else 0,
        parent_span_id=parent.span_id if parent else 0,
    )
