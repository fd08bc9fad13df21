"""The entry: what the window keeps of one finished operation, call or span."""

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from hydrochat_otel import semconv

Kind = Literal["operation", "gemini", "result", "tool", "span"]


class Entry(NamedTuple):
    """What the window keeps of one finished operation, call or span: allow-listed fields only.

    Attributes:
        kind: ``operation`` for a tracked one, ``gemini`` for a call, ``result`` for what earlier work is seen to have
            used (a batch, an interaction in the background, a video, stored cache), ``tool`` for a function that the
            SDK ran for the model, ``span`` for a span of another library.
        operation: Name of the operation; for a call the operation of Gemini (``generate_content``), for a tool
            its function.
        duration_s: Seconds; 0 for a result, whose work took place elsewhere.
        end_unix_s: When it ended, in seconds since the epoch.
        exceeded_threshold: Whether it took longer than the threshold that it states.
        error: Class name or status of a failure, or None.
        outcome: One of :data:`semconv.OUTCOMES`.
        trace_id: As an integer; 0 if there is no trace.
        span_id: As an integer; for work without a span a random id, which distinguishes entries of one moment.
        parent_span_id: As an integer; 0 if there is none.
        model: Model of a call.
        tokens: Tokens of a call, in the order of :data:`semconv.TOKEN_BUCKETS`; None if they are unknown.
        cost_usd: Dollars of a call; None if they are unknown.
        role: Of an operation: ``root`` if a caller waits for it, ``step`` inside another.
        root_operation: The outermost tracked operation; None for a call outside of all.
        operation_name: Of a call or tool: the innermost tracked operation that it was made in.
        incomplete: Of a call: whether it ended before its usage was stated in full; its tokens are a lower bound.
        estimated: Of a call: whether its tokens are an estimate.
        first_token_s: Of a streamed call: seconds to the first chunk with more than thoughts.
        attempts: Of a call: HTTP requests that were sent for it.
        retry_wait_s: Of a call that was repeated: seconds between its attempts, added up; None if no wait was seen.
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
    role: semconv.Role | None = None
    root_operation: str | None = None
    operation_name: str | None = None
    incomplete: bool = False
    estimated: bool = False
    first_token_s: float | None = None
    attempts: int | None = None
    retry_wait_s: float | None = None

    @property
    def is_call(self) -> bool:
        """Whether it is a call to Gemini that may cost money: counting tokens does not."""
        return self.kind == "gemini" and self.operation not in semconv.UNBILLED_OPERATIONS

    @property
    def is_billed(self) -> bool:
        """Whether its tokens and dollars count: those of a call, or of the result of earlier work."""
        return self.kind == "result" or self.is_call

    def as_dict(self, timestamp: object = None) -> dict[str, Any]:
        """Return the entry with the names of the public API.

        Args:
            timestamp: The value of `timestamp`; if None, the end as an aware datetime in UTC.
        """
        # Together, because reading each field by its name takes longer than all the rest.
        (kind, operation, duration_s, end_unix_s, exceeded_threshold, error, outcome, trace_id, span_id, parent_span_id,
         _, _, _, role, root_operation, *_) = self  # fmt: skip
        row: dict[str, Any] = {
            "kind": kind,
            "operation": operation,
            "duration": duration_s,
            "timestamp": datetime.fromtimestamp(end_unix_s, UTC) if timestamp is None else timestamp,
            "exceeded_threshold": exceeded_threshold,
            "error": error,
            "outcome": outcome,
        }
        if trace_id:
            row["trace_id"], row["span_id"] = _hexadecimal(trace_id, span_id)
        if parent_span_id:
            row["parent_span_id"] = f"{parent_span_id:016x}"
        if kind != "operation":
            _add_known(row, self)
            if self.tokens is not None:
                row["tokens"] = dict(zip(semconv.TOKEN_BUCKETS, self.tokens, strict=True))
            if self.incomplete:
                row["incomplete"] = True
            if self.estimated:
                row["estimated"] = True
            return row
        if role is not None:
            row["role"] = role
        if root_operation is not None:
            row["root_operation"] = root_operation
        return row


def _hexadecimal(trace_id: int, span_id: int) -> tuple[str, str]:
    """Return both ids in lower case digits; twice as fast as their formats."""
    try:
        return trace_id.to_bytes(16).hex(), span_id.to_bytes(8).hex()
    except OverflowError:
        return f"{trace_id:032x}", f"{span_id:016x}"


def _add_known(row: dict[str, Any], entry: Entry) -> None:
    """Add what is known of anything but an operation; a loop over the names takes twice the time."""
    model, _, cost_usd, role, root_operation, operation_name, _, _, first_token_s, attempts, retry_wait_s = entry[10:]
    if model is not None:
        row["model"] = model
    if cost_usd is not None:
        row["cost_usd"] = cost_usd
    if role is not None:
        row["role"] = role
    if root_operation is not None:
        row["root_operation"] = root_operation
    if operation_name is not None:
        row["operation_name"] = operation_name
    if first_token_s is not None:
        row["first_token_s"] = first_token_s
    if attempts is not None:
        row["attempts"] = attempts
    if retry_wait_s is not None:
        row["retry_wait_s"] = retry_wait_s
