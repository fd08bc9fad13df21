"""Lists of single pieces of work for a report: the slow, the failed, the dear, and those without a price."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hydrochat_otel.views import formats
from hydrochat_otel.window.entry import Entry

COLUMNS: Final = ("when", "name", "model", "took_s", "outcome", "tokens", "cost_usd")
MOST: Final = 20

_FAILED: Final = frozenset({"error", "blocked"})
_NEWEST: Final[Callable[[Entry], float]] = lambda entry: entry.end_unix_s  # noqa: E731 - one of several orders

_CHOICES: Final[Mapping[str, tuple[Callable[[Entry], bool], Callable[[Entry], float]]]] = {
    "slow": (lambda entry: entry.exceeded_threshold, lambda entry: entry.duration_s),
    "failed": (lambda entry: entry.error is not None or entry.outcome in _FAILED, _NEWEST),
    "dear": (lambda entry: entry.is_billed and bool(entry.cost_usd), lambda entry: entry.cost_usd or 0.0),
    "unpriced": (lambda entry: entry.is_billed and entry.cost_usd is None and bool(entry.tokens), _NEWEST),
}
"""Which entries each list has, and what puts them in order, the greatest first."""

NAMES: Final = tuple(_CHOICES)


def rows(name: str, entries: Iterable[Entry]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a list, at most twenty, and how many there are in all."""
    belongs, order = _CHOICES[name]
    found = sorted(filter(belongs, entries), key=order, reverse=True)
    return [_row(entry) for entry in found[:MOST]], len(found)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "when": datetime.fromtimestamp(entry.end_unix_s, UTC).isoformat(timespec="seconds"),
        "name": entry.operation if entry.kind == "operation" else entry.operation_name or entry.operation,
        "model": entry.model,
        "took_s": formats.seconds(entry.duration_s),
        "outcome": entry.error or entry.outcome,
        "tokens": None if entry.tokens is None else sum(entry.tokens),
        "cost_usd": formats.usd(entry.cost_usd),
    }
