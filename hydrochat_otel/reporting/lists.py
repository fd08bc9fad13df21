"""Lists of single pieces of work for a report: the slow, the failed, the dear, and those without a price."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import formats, turns
from hydrochat_otel.views.turns import Turn
from hydrochat_otel.window.entry import Entry

COLUMNS: Final = ("when", "name", "model", "took_s", "outcome", "tokens", "cost_usd")
MOST: Final = 20

_NEWEST: Final[Callable[[Entry], float]] = lambda entry: entry.end_unix_s  # noqa: E731 - one of several orders

_CHOICES: Final[Mapping[str, tuple[Callable[[Entry], bool], Callable[[Entry], float]]]] = {
    "slow": (lambda entry: entry.exceeded_threshold, lambda entry: entry.duration_s),
    "failed": (lambda entry: entry.error is not None or entry.outcome in semconv.FAILED_OUTCOMES, _NEWEST),
    "dear": (lambda entry: entry.is_billed and bool(entry.cost_usd), lambda entry: entry.cost_usd or 0.0),
    "unpriced": (lambda entry: entry.is_billed and entry.cost_usd is None and bool(entry.tokens), _NEWEST),
}
"""Which entries each list has, and what puts them in order, the greatest first."""

NAMES: Final = tuple(_CHOICES)


def rows(name: str, entries: Iterable[Entry]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a list, at most twenty, and how many there are in all."""
    belongs, order = _CHOICES[name]
    everything = list(entries)
    found = sorted(filter(belongs, everything), key=order, reverse=True)
    inside = {id(turn.root): turn for turn in turns.collect(everything)}
    return [_row(entry, inside.get(id(entry))) for entry in found[:MOST]], len(found)


def _row(entry: Entry, turn: Turn | None) -> dict[str, Any]:
    """Return the row of an entry; tokens and dollars of a turn are those of the calls inside it."""
    billed = [entry] if turn is None else turn.billed
    tokens = [sum(one.tokens) for one in billed if one.tokens is not None]
    return {
        "when": datetime.fromtimestamp(entry.end_unix_s, UTC).isoformat(timespec="seconds"),
        "name": entry.operation if entry.kind == "operation" else entry.operation_name or entry.operation,
        "model": entry.model,
        "took_s": formats.seconds(entry.duration_s),
        "outcome": entry.error or entry.outcome,
        "tokens": sum(tokens) if tokens else None,
        "cost_usd": formats.usd(turns.cost_of(billed)),
    }
