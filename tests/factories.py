"""Snapshots made by hand, for tests of views."""

from hydrochat_otel import semconv
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Family, NumberPoint, Retention, Sharing, Snapshot


def counter(spec, *points):
    """Return a counter's family from (attributes, value) pairs."""
    made = tuple(NumberPoint(attributes, value) for attributes, value in points)
    return Family(spec.name, "counter", spec.unit, spec.description, semconv.SCOPE, "", made)


def snapshot(
    *,
    ok=0,
    error=0,
    blocked=0,
    cancelled=0,
    retries=0,
    unpriced=0,
    unreconciled=0,
    ended=(),
    full=0.0,
    budget=None,
    sharing=None,
    unix_s=1000.0,
):
    """Return a snapshot with these calls by outcome; `ended` are (end_unix_s, exceeded_threshold) of operations."""
    outcomes = {"ok": ok, "error": error, "blocked": blocked, "cancelled": cancelled}
    return Snapshot(
        unix_s=unix_s,
        resource={},
        families=(
            counter(semconv.LLM_CALLS, *(({semconv.OUTCOME: name}, value) for name, value in outcomes.items())),
            counter(semconv.LLM_RETRIES, ({semconv.REASON: "429"}, retries)),
            counter(semconv.LLM_UNPRICED_TOKENS, ({}, unpriced)),
            counter(semconv.LLM_UNRECONCILED_CALLS, ({}, unreconciled)),
        ),
        entries=tuple(Entry("operation", "chat.turn", 1.0, end_unix_s, exceeded) for end_unix_s, exceeded in ended),
        retention=Retention(1000, 24.0, round(full * 10), full),
        budget=budget or Budget(),
        sharing=sharing or Sharing(),
    )
