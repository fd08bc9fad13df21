"""The span processor that feeds the retained window: allow-listed fields of finished spans, and nothing else."""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures
from hydrochat_otel.window import window
from hydrochat_otel.window.entry import Entry, Kind

_GEN_AI_NAMES: Final = frozenset(
    {"chat", "generate_content", "text_completion", "embeddings", "count_tokens", "execute_tool", "invoke_agent"}
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"})


class RetentionSpanProcessor(SpanProcessor):
    """Copies each finished span of ours into the process's retained window, and others' if asked.

    Spans that a sampler dropped never get here; recorded but unsampled ones do. Exceptions stay inside and are
    counted, because the SDK would let them out into the application.

    Args:
        retain_other_spans: Keep other instrumentations' spans, too, by their low-cardinality attributes.
    """

    def __init__(self, *, retain_other_spans: bool = False) -> None:
        self.retain_other_spans = retain_other_spans
        self.active = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span; called on the thread that ends it, never raises."""
        if not self.active:
            return
        try:
            scope = span.instrumentation_scope
            ours = scope is not None and scope.name == semconv.SCOPE
            if ours or self.retain_other_spans:
                window.get_global_metrics_store().append(_own_entry(span) if ours else _other_entry(span))
        except Exception as error:
            failures.note("retention", error)

    def shutdown(self) -> None:
        """Take in no more spans."""
        self.active = False

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing waits here
        """Return True: a span is kept the moment it ends."""
        return True


def _entry(span: ReadableSpan, kind: Kind, operation: str) -> Entry:
    attributes = span.attributes or {}
    start_unix_ns, end_unix_ns = span.start_time or 0, span.end_time or 0
    context, parent = span.context, span.parent
    error = attributes.get(semconv.ERROR_TYPE)
    outcome = attributes.get(semconv.OUTCOME, "ok" if error is None else "error")
    return Entry(
        kind,
        operation,
        (end_unix_ns - start_unix_ns) / 1e9,
        end_unix_ns / 1e9,
        semconv.THRESHOLD_EXCEEDED in attributes,
        error if isinstance(error, str) else None,
        str(outcome),
        context.trace_id if context else 0,
        context.span_id if context else 0,
        parent.span_id if parent else 0,
    )


def _own_entry(span: ReadableSpan) -> Entry:
    attributes = span.attributes or {}
    operation = attributes.get(semconv.OPERATION)
    if operation is not None:
        return _entry(span, "operation", str(operation))
    gen_ai_operation = str(attributes.get(semconv.GEN_AI_OPERATION, semconv.OTHER))
    entry = _entry(span, "gemini", gen_ai_operation)
    model = attributes.get(semconv.GEN_AI_RESPONSE_MODEL) or attributes.get(semconv.GEN_AI_REQUEST_MODEL)
    cost_usd = attributes.get(semconv.COST_USD)
    tokens = tuple(attributes.get(semconv.BUCKET_TOKENS + bucket) for bucket in semconv.TOKEN_BUCKETS)
    return entry._replace(
        model=None if model is None else str(model),
        tokens=tuple(count if isinstance(count, int) else 0 for count in tokens) if any(tokens) else None,
        cost_usd=cost_usd if isinstance(cost_usd, float) else None,
    )


def _other_entry(span: ReadableSpan) -> Entry:
    """Name somebody else's span by attributes that are low-cardinality by convention; its own name may quote a path."""
    attributes = span.attributes or {}
    scope = span.instrumentation_scope
    name = scope.name if scope is not None else semconv.OTHER
    method, route = attributes.get("http.request.method"), attributes.get("http.route")
    gen_ai_operation = attributes.get(semconv.GEN_AI_OPERATION)
    if method in _METHODS and isinstance(route, str):
        name = f"{method} {route}"
    elif gen_ai_operation in _GEN_AI_NAMES:
        name = f"{name} {gen_ai_operation}"
    error = attributes.get(semconv.ERROR_TYPE)
    entry = _entry(span, "span", name)
    return entry._replace(error=error if isinstance(error, str) and error.isidentifier() else None)
