"""Turns: each piece of work in the window that a caller waited for, with everything that happened inside it.

A turn begins at an operation that is inside no other operation of the window, or at a call outside of all operations.
Its entries are found by their span's parents; if a span in between was not kept, by their trace and their time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import formats
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.moments import microseconds
from hydrochat_otel.window.notable import begins_a_turn

MAX_TURNS: Final = 200
DEFAULT_TURNS: Final = 50
MAX_ROWS: Final = 500
"""The most rows of one waterfall; more are counted and not listed."""

CONDITIONS: Final = ("failed", "slow", *semconv.OUTCOMES)
"""Search conditions of turns: failed (error or blocked), slow (above its threshold), or an outcome."""
_SLACK_S: Final = 0.005
"""The greatest difference between the clocks of a span and its parent when work is placed by its time."""
_LONGEST_ID: Final = 80


@dataclass(slots=True)
class Turn:
    """One turn: its root, and the entries inside it, which are filled in while turns are collected."""

    root: Entry
    inside: list[Entry] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The turn's name in addresses: trace, span and end, so that a root without a span has one, too."""
        root = self.root
        return f"{root.trace_id:x}-{root.span_id:x}-{microseconds(root.end_unix_s):x}"

    @property
    def calls(self) -> list[Entry]:
        """The billable calls to Gemini."""
        return [entry for entry in (self.root, *self.inside) if entry.is_call]

    @property
    def billed(self) -> list[Entry]:
        """The calls, and the results of earlier work that were seen in the turn."""
        return [entry for entry in (self.root, *self.inside) if entry.is_billed]

    @property
    def outcome(self) -> str:
        """The root's outcome, as a search condition."""
        return "error" if self.root.error is not None and self.root.outcome == "ok" else self.root.outcome


@dataclass(frozen=True, slots=True)
class Search:
    """Selects the turns that are listed; None does not restrict.

    Attributes:
        operation: Name of the root.
        condition: One of :data:`CONDITIONS`.
        model: Model of any of its calls.
        min_duration_s: At least this long.
        min_cost_usd: At least this expensive; a turn with unknown cost does not match.
        since_unix_s: Only turns that ended then or later, in seconds since the epoch.
        limit: The most turns, the newest first.
    """

    operation: str | None = None
    condition: str | None = None
    model: str | None = None
    min_duration_s: float | None = None
    min_cost_usd: float | None = None
    since_unix_s: float | None = None
    limit: int = DEFAULT_TURNS

    def __call__(self, turn: Turn) -> bool:
        """Return whether the turn matches."""
        root = turn.root
        cost_usd = None if self.min_cost_usd is None else cost_of(turn.billed)
        return (
            (self.operation is None or root.operation == self.operation)
            and (self.condition is None or _is(turn, self.condition))
            and (self.model is None or any(call.model == self.model for call in turn.calls))
            and (self.min_duration_s is None or root.duration_s >= self.min_duration_s)
            and (self.min_cost_usd is None or (cost_usd is not None and cost_usd >= self.min_cost_usd))
            and (self.since_unix_s is None or root.end_unix_s >= self.since_unix_s)
        )


def with_notable(entries: Sequence[Entry], notable: Iterable[Entry]) -> list[Entry]:
    """Return the window's entries and those of notable turns that have left it, each once."""
    known = {_identity(entry) for entry in entries}
    added = {_identity(entry): entry for entry in notable}
    return [*(entry for identity, entry in added.items() if identity not in known), *entries]


def _identity(entry: Entry) -> tuple[int, int, int]:
    return entry.trace_id, entry.span_id, microseconds(entry.end_unix_s)


def collect(entries: Sequence[Entry]) -> list[Turn]:
    """Return the turns of the window, in the order in which they ended; linear except for traces of many operations."""
    operations = {(entry.trace_id, entry.span_id): entry for entry in entries if entry.kind == "operation"}
    known = {(entry.trace_id, entry.span_id): entry for entry in entries if entry.span_id}
    of_trace: dict[int, list[Entry]] = {}
    for entry in operations.values():
        if entry.trace_id:
            of_trace.setdefault(entry.trace_id, []).append(entry)
    turns: dict[int, Turn] = {}
    homeless: list[tuple[Entry, Entry]] = []
    for entry in entries:
        root = _root(entry, known, of_trace)
        if root is entry:
            if begins_a_turn(entry):
                turns[id(entry)] = Turn(entry)
        else:
            homeless.append((entry, root))
    for entry, root in homeless:
        turn = turns.get(id(root))
        if turn is not None:
            turn.inside.append(entry)
    return list(turns.values())


def _root(entry: Entry, known: Mapping[tuple[int, int], Entry], of_trace: Mapping[int, list[Entry]]) -> Entry:
    """Return the outermost entry of the window around this one, which may be itself."""
    seen: set[int] = set()
    at = entry
    while id(at) not in seen:
        seen.add(id(at))
        parent = known.get((at.trace_id, at.parent_span_id)) if at.parent_span_id else None
        if parent is None and at.parent_span_id:
            parent = _around(at, of_trace.get(at.trace_id, ()))
        if parent is None or parent is at:
            return at
        at = parent
    return entry  # parents in a circle, which only a damaged window has


def _around(entry: Entry, operations: Iterable[Entry]) -> Entry | None:
    """Return the shortest operation of the trace that was running during the whole entry."""
    began_s = entry.end_unix_s - entry.duration_s
    around = [
        one
        for one in operations
        if one is not entry
        and one.duration_s > entry.duration_s
        and one.end_unix_s - one.duration_s <= began_s + _SLACK_S
        and entry.end_unix_s <= one.end_unix_s + _SLACK_S
    ]
    return min(around, key=lambda one: one.duration_s, default=None)


def document(turns: Sequence[Turn], search: Search, *, unix_s: float, trace_url: str | None = None) -> dict[str, Any]:
    """Return the turns that match, the newest first, and the values to search for.

    Args:
        turns: As :func:`collect` returns them.
        search: Selects the turns that are listed.
        unix_s: Now, in seconds since the epoch.
        trace_url: Address of a trace, with `{trace_id}` in it.
    """
    matching = sorted(filter(search, turns), key=lambda turn: turn.root.end_unix_s, reverse=True)
    return {
        "taken_at": formats.utc(unix_s),
        "matching": len(matching),
        "retained": len(turns),
        "turns": [_summary(turn, trace_url) for turn in matching[: search.limit]],
        "operations": sorted({turn.root.operation for turn in turns}),
        "models": sorted({call.model for turn in turns for call in turn.calls if call.model}),
    }


def waterfall(turns: Iterable[Turn], turn_id: str, trace_url: str | None = None) -> dict[str, Any] | None:
    """Return one turn with its rows in the order of a waterfall; None if it has left the window."""
    turn = next((one for one in turns if len(turn_id) <= _LONGEST_ID and one.id == turn_id), None)
    if turn is None:
        return None
    rows = _ordered(turn)
    return {
        **_summary(turn, trace_url),
        "rows": [_row(entry, depth, turn.root) for depth, entry in rows[:MAX_ROWS]],
        "rows_omitted": max(0, len(rows) - MAX_ROWS),
    }


def _ordered(turn: Turn) -> list[tuple[int, Entry]]:
    """Return all entries with their depth, each below its parent, in the order in which they began."""
    inside = sorted(turn.inside, key=lambda entry: (entry.end_unix_s - entry.duration_s, -entry.duration_s))
    everything = [turn.root, *inside]
    known = {(entry.trace_id, entry.span_id): entry for entry in everything if entry.span_id}
    operations = [entry for entry in everything if entry.kind == "operation"]
    children: dict[int, list[Entry]] = {}
    for entry in inside:
        parent = known.get((entry.trace_id, entry.parent_span_id)) or _around(entry, operations) or turn.root
        children.setdefault(id(parent if parent is not entry else turn.root), []).append(entry)
    rows: list[tuple[int, Entry]] = []
    waiting = [(0, turn.root)]
    while waiting:
        depth, entry = waiting.pop()
        rows.append((depth, entry))
        waiting += [(depth + 1, child) for child in reversed(children.pop(id(entry), []))]
    return rows


def _summary(turn: Turn, trace_url: str | None) -> dict[str, Any]:
    root, calls, billed = turn.root, turn.calls, turn.billed
    trace_id = f"{root.trace_id:032x}" if root.trace_id else None
    return {
        "id": turn.id,
        "unix_ms": formats.milliseconds(root.end_unix_s),
        "kind": root.kind,
        "operation": root.operation,
        "duration_s": formats.finite(root.duration_s),
        "exceeded": root.exceeded_threshold,
        "error": root.error,
        "outcome": turn.outcome,
        "steps": sum(entry.kind == "operation" for entry in turn.inside),
        "calls": len(calls),
        "failed_calls": sum(call.outcome in semconv.FAILED_OUTCOMES for call in calls),
        "models": sorted({call.model for call in calls if call.model}),
        "tokens": sum(sum(one.tokens) for one in billed if one.tokens is not None),
        "cost_usd": formats.usd(cost_of(billed)),
        "unpriced_calls": sum(call.cost_usd is None for call in calls),
        "trace_id": trace_id,
        "trace_url": trace_url.replace("{trace_id}", trace_id) if trace_url and trace_id else None,
    }


def _row(entry: Entry, depth: int, root: Entry) -> dict[str, Any]:
    began_s = entry.end_unix_s - entry.duration_s
    tokens = None if entry.tokens is None else dict(zip(semconv.TOKEN_BUCKETS, entry.tokens, strict=False))
    return {
        "depth": depth,
        "kind": entry.kind,
        "name": entry.operation,
        "model": entry.model,
        "offset_s": formats.finite(max(0.0, began_s - (root.end_unix_s - root.duration_s))),
        "duration_s": formats.finite(entry.duration_s),
        "exceeded": entry.exceeded_threshold,
        "error": entry.error,
        "outcome": entry.outcome,
        "tokens": tokens,
        "cost_usd": formats.usd(entry.cost_usd),
        "billed": entry.is_billed,
        "first_token_s": formats.finite(entry.first_token_s),
        "attempts": entry.attempts,
        "retry_wait_s": formats.finite(entry.retry_wait_s),
        "incomplete": entry.incomplete,
        "estimated": entry.estimated,
    }


def _is(turn: Turn, condition: str) -> bool:
    if condition == "slow":
        return turn.root.exceeded_threshold
    if condition == "failed":
        return turn.outcome in semconv.FAILED_OUTCOMES
    return turn.outcome == condition


def cost_of(calls: Sequence[Entry]) -> float | None:
    """Return the dollars of the calls whose cost is known; None if no cost is known, 0 without calls."""
    known = [call.cost_usd for call in calls if call.cost_usd is not None]
    return sum(known) if known or not calls else None
