"""The record that is kept of one finished span."""

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from hydrochat_otel import semconv

Kind = Literal["operation", "gemini", "span"]


class Entry(NamedTuple):
    """What is kept of one finished span: allow-listed fields only, in a few hundred bytes.

    `duration_s` is in seconds, `end_unix_s` in seconds since the epoch, `cost_usd` in dollars; `tokens` follow
    :data:`semconv.TOKEN_BUCKETS`. Ids are integers as in a span context, 0 where there is none.
    """

    kind: Kind
    operation: str
    duration_s: float
    end_unix_s: float
    exceeded_threshold: bool = False
    error: str | None = None
    outcome: str = "ok"
    trace_id: int = 0
    span_id: int = 0
    parent_span_id: int = 0
    model: str | None = None
    tokens: tuple[int, ...] | None = None
    cost_usd: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the entry with the names of the public API; `timestamp` is an aware UTC datetime of the end."""
        row: dict[str, Any] = {
            "kind": self.kind,
            "operation": self.operation,
            "duration": self.duration_s,
            "timestamp": datetime.fromtimestamp(self.end_unix_s, UTC),
            "exceeded_threshold": self.exceeded_threshold,
            "error": self.error,
            "outcome": self.outcome,
        }
        if self.trace_id:
            row["trace_id"] = f"{self.trace_id:032x}"
            row["span_id"] = f"{self.span_id:016x}"
        if self.parent_span_id:
            row["parent_span_id"] = f"{self.parent_span_id:016x}"
        if self.model is not None:
            row["model"] = self.model
        if self.tokens is not None:
            row["tokens"] = dict(zip(semconv.TOKEN_BUCKETS, self.tokens, strict=True))
        if self.cost_usd is not None:
            row["cost_usd"] = self.cost_usd
        return row
