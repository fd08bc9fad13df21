"""Redacts other libraries' spans before export: no queries, no identifiers in paths, no exception texts.

Spans of this package have none of these and are unchanged. ``docs/privacy.md`` lists what is replaced and what is not;
the collector's configuration redacts again.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status, TracerProvider

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures, safe_log

logger: Final = logging.getLogger("hydrochat_otel")

PLACEHOLDER: Final = "{id}"
"""Replaces a path segment that looks like an identifier."""

_DROPPED: Final = frozenset({"url.query", "url.fragment", "exception.message", "exception.stacktrace", "error.message"})
_URLS: Final = frozenset({"url.full", "url.original", "url.path", "http.url", "http.target", "url.template"})
_DROPPED_PREFIXES: Final = ("http.request.header.", "http.response.header.")
_MODEL_AFTER: Final = frozenset({"models", "tunedModels"})
_MODEL: Final = re.compile(r"[a-z][a-z0-9.-]{0,63}(?::[A-Za-z]+)?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z_.-]*(?:\d{1,2}(?:\.\d{1,2})?[a-z]{0,5}\d{0,2})?[A-Za-z_.-]*", re.ASCII)
_LONGEST_WORD: Final = 40
_TEMPLATES: Final = re.compile(r"[{<:(].*")
"""A segment of a route's template, such as ``{patient_id}``, ``<int:pk>`` or ``:id``."""


def redact(provider: TracerProvider) -> list[str]:
    """Make every exporter that the provider has now export redacted spans; a second call changes nothing.

    Returns:
        Names of the span processors without a recognised exporter, whose spans leave unredacted.
    """
    missed = []
    several = getattr(provider, "_active_span_processor", None)
    for processor in getattr(several, "_span_processors", ()):
        if type(processor).__module__.startswith("hydrochat_otel"):
            continue
        if not _redact_processor(processor):
            missed.append(f"{type(processor).__module__}.{type(processor).__qualname__}")
    if missed:
        safe_log.warning(
            logger,
            "HYDROCHAT_REDACT_SPANS does not reach %s: its spans leave with queries and identifiers.",
            ", ".join(missed),
        )
    return missed


def _redact_processor(processor: Any) -> bool:
    """Replace the processor's exporter by the redacting one; False if none is found."""
    # The batch processor holds it one object further in, and exposes it as a read-only property.
    for holder, name in ((getattr(processor, "_batch_processor", None), "_exporter"), (processor, "span_exporter")):
        exporter = getattr(holder, name, None)
        if isinstance(exporter, RedactingExporter):
            return True
        if isinstance(exporter, SpanExporter):
            try:
                setattr(holder, name, RedactingExporter(exporter))
            except AttributeError:
                continue
            return True
    return False


class RedactingExporter(SpanExporter):
    """Redacts other libraries' spans before an exporter sees them; called on the exporter's thread.

    A span that cannot be redacted is dropped and counted, never exported unredacted.

    Args:
        exporter: Exports the redacted spans.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans, redacted."""
        clean = []
        for span in spans:
            try:
                clean.append(redacted(span))
            except Exception as error:
                failures.note("redaction", error)
        return self.exporter.export(clean)

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter."""
        return self.exporter.force_flush(timeout_millis)


def redacted(span: ReadableSpan) -> ReadableSpan:
    """Return the span without what a user may have typed; the span itself if it is one of this package."""
    scope = span.instrumentation_scope
    if scope is not None and scope.name == semconv.SCOPE:
        return span
    return ReadableSpan(
        name=_name(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes(span.attributes),
        events=[Event(event.name, attributes(event.attributes), event.timestamp) for event in span.events],
        links=[Link(link.context, attributes(link.attributes)) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),  # its description quotes the exception
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=scope,
    )


def attributes(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the attributes that may leave."""
    return {
        key: _value(key, value)
        for key, value in (found or {}).items()
        if key not in _DROPPED and not key.startswith(_DROPPED_PREFIXES)
    }


def _value(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return url(value) if key in _URLS or value.startswith(("http://", "https://")) else value
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_value(key, item) for item in value]
    return value


def _name(name: str) -> str:
    """Redact the words of a span's name from the first path or address on: a decoded path may contain spaces."""
    words = name.split(" ")
    first = next((place for place, word in enumerate(words) if "/" in word), len(words))
    return " ".join([*words[:first], *map(url, words[first:])])


def url(text: str) -> str:
    """Return an address or a path without user, query and fragment, and without segments that look like identifiers."""
    try:
        parts = urlsplit(text)
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    except ValueError:
        return PLACEHOLDER
    segments = parts.path.split("/")
    kept = [
        segment if _is_kept(segment, before) else PLACEHOLDER
        for segment, before in zip(segments, ("", *segments), strict=False)
    ]
    return where + "/".join(kept)


def _is_kept(segment: str, before: str) -> bool:
    """Return whether a segment is a word, a version, a template or a model, and no identifier."""
    if not segment or _TEMPLATES.fullmatch(segment):
        return True
    if before in _MODEL_AFTER:
        return _MODEL.fullmatch(segment) is not None
    return len(segment) <= _LONGEST_WORD and _WORD.fullmatch(segment) is not None
