"""The money view: cost of calls by operation, model and dimension, the budget, and a forecast of the month."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import completeness, formats, turns, usage_table
from hydrochat_otel.views.usage_table import Sample, Usage
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Snapshot

MAX_ROWS: Final = 100
_SHOWN: Final = (
    "calls",
    "failed",
    "tokens",
    "cost_usd",
    "unpriced_tokens",
    "unreconciled_calls",
    "incomplete_calls",
)
_DIMENSION: Final = semconv.DIMENSION.replace(".", "_")


def document(snapshot: Snapshot) -> dict[str, Any]:
    """Return the dollars of every breakdown, the most expensive row first.

    `by_root_operation` is by the operation that a caller waited for, `by_operation` by the innermost operation around
    the call. Both are since the start if the cost counter carries them, otherwise of the window's turns;
    `by_operation_covers` says which. Rows beyond the first hundred are added up as `other`. Each row says what its
    dollars miss; they are null if nothing in it has a price.
    """
    budget = snapshot.budget
    found = list(usage_table.samples(snapshot))
    by_root, by_operation = (_counted(found, attribute) for attribute in (semconv.ROOT_OPERATION, semconv.OPERATION))
    return {
        "taken_at": formats.utc(snapshot.unix_s),
        "cost_usd": formats.usd(snapshot.total(semconv.LLM_COST)),
        "savings_usd": completeness.counted_usd(snapshot, semconv.LLM_SAVINGS),
        "retry_cost_usd": completeness.counted_usd(snapshot, semconv.LLM_RETRY_COST),
        **completeness.document(completeness.of_snapshot(snapshot)),
        "by_root_operation": by_root or _by_turn(snapshot),
        "by_operation": by_operation,
        "by_operation_covers": "start" if by_root else "window",
        "charges": _charges(snapshot),
        "dimensions": _dimensions(found),
        "month": {
            "spent_usd": formats.usd(budget.spent_month_usd),
            "budget_usd": formats.usd(budget.month_usd),
            "forecast_usd": None if budget.forecast is None else formats.usd(budget.forecast.month_usd),
            "missing": completeness.document(budget.missing_month),
        },
        "day": {
            "spent_usd": formats.usd(budget.spent_day_usd),
            "budget_usd": formats.usd(budget.day_usd),
            "missing": completeness.document(budget.missing_day),
        },
    }


def _charges(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return what is charged beside tokens since the start; a charge whose units have no known price has no dollars."""
    units, costs = (snapshot.sums_by(spec, semconv.CHARGE) for spec in (semconv.LLM_CHARGED_UNITS, semconv.LLM_CHARGES))
    ordered = sorted(units.items(), key=lambda item: (-costs.get(item[0], 0.0), item[0]))
    return [
        {
            "charge": name[0],
            "units": formats.finite(number),
            "cost_usd": formats.usd(costs[name]) if name in costs else None,
        }
        for name, number in ordered
    ]


def _counted(found: Sequence[Sample], attribute: str) -> list[dict[str, Any]]:
    """Return the rows by one attribute of the counters; none if no counter carries it."""
    label = attribute.replace(".", "_")
    if not any(label in attributes for _, attributes, _ in found):
        return []
    return _rows(usage_table.of_counters(found, label), "operation")


def _by_turn(snapshot: Snapshot) -> list[dict[str, Any]]:
    collected = turns.collect(snapshot.entries)
    roots = {id(entry): turn.root for turn in collected for entry in turn.billed}
    entries = [entry for turn in collected for entry in turn.billed]

    def name(entry: Entry) -> str | None:
        root = roots[id(entry)]
        return root.operation if root.kind == "operation" else None

    return _rows(usage_table.of_entries(entries, name), "operation")


def _dimensions(found: Sequence[Sample]) -> list[dict[str, Any]]:
    labels = {label for _, attributes, _ in found for label in attributes if label.startswith(_DIMENSION)}
    return [
        {
            "dimension": label.removeprefix(_DIMENSION),
            "rows": _rows(usage_table.of_counters(found, label), "value"),
        }
        for label in sorted(labels)
    ]


def _rows(table: Mapping[str, Usage], name: str) -> list[dict[str, Any]]:
    ordered = sorted(table.items(), key=lambda item: (-item[1].cost_usd, item[0]))
    rest = dict(ordered[MAX_ROWS:])
    if rest:
        ordered = [*ordered[:MAX_ROWS], ("other", usage_table.total(rest))]
    return [{name: label, **{fact: usage.as_row(label)[fact] for fact in _SHOWN}} for label, usage in ordered]
