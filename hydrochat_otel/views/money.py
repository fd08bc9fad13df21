"""The money view: cost of calls by operation, model and dimension, the budget, and a forecast of the month."""

from collections.abc import Sequence
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import completeness, formats
from hydrochat_otel.views.turns import Turn
from hydrochat_otel.window.snapshot import Snapshot

MAX_ROWS: Final = 100


def document(snapshot: Snapshot, turns: Sequence[Turn]) -> dict[str, Any]:
    """Return the dollars of every breakdown, the most expensive row first.

    `by_root_operation` is by the operation that a caller waited for, `by_operation` by the innermost operation around
    the call. Both are since the start if the cost counter carries them, otherwise of the window's turns;
    `by_operation_covers` says which. Rows beyond the first hundred are added up as `other`.

    Args:
        snapshot: What is shown.
        turns: Of its window.
    """
    budget = snapshot.budget
    by_root, by_operation = (_counted(snapshot, attribute) for attribute in (semconv.ROOT_OPERATION, semconv.OPERATION))
    return {
        "taken_at": formats.utc(snapshot.unix_s),
        "cost_usd": formats.usd(snapshot.total(semconv.LLM_COST)),
        "savings_usd": completeness.counted_usd(snapshot, semconv.LLM_SAVINGS),
        "retry_cost_usd": completeness.counted_usd(snapshot, semconv.LLM_RETRY_COST),
        **completeness.document(completeness.of_snapshot(snapshot)),
        "by_root_operation": by_root or _by_turn(turns),
        "by_operation": by_operation,
        "by_operation_covers": "start" if by_root else "window",
        "dimensions": _dimensions(snapshot),
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


def _counted(snapshot: Snapshot, attribute: str) -> list[dict[str, Any]]:
    costs = snapshot.sums_by(semconv.LLM_COST, attribute)
    if not any(name for (name,) in costs):
        return []
    calls = snapshot.sums_by(semconv.LLM_CALLS, attribute)
    return _rows({name: (calls.get((name,), 0.0), usd) for (name,), usd in costs.items()}, "operation")


def _by_turn(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    sums: dict[str, tuple[float, float]] = {}
    for turn in turns:
        calls = turn.calls
        if calls:
            name = turn.root.operation if turn.root.kind == "operation" else ""
            number, usd = sums.get(name, (0.0, 0.0))
            sums[name] = (number + len(calls), usd + sum(one.cost_usd or 0.0 for one in turn.billed))
    return _rows(sums, "operation")


def _dimensions(snapshot: Snapshot) -> list[dict[str, Any]]:
    points = snapshot.numbers(semconv.LLM_COST)
    keys = {key for point in points for key in point.attributes if key.startswith(semconv.DIMENSION)}
    found = []
    for key in sorted(keys):
        calls, costs = (snapshot.sums_by(spec, key) for spec in (semconv.LLM_CALLS, semconv.LLM_COST))
        sums = {value: (calls.get((value,), 0.0), usd) for (value,), usd in costs.items()}
        found.append({"dimension": key.removeprefix(semconv.DIMENSION), "rows": _rows(sums, "value")})
    return found


def _rows(sums: dict[str, tuple[float, float]], name: str) -> list[dict[str, Any]]:
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    rest = ordered[MAX_ROWS:]
    if rest:
        ordered = [*ordered[:MAX_ROWS], ("other", (sum(one[1][0] for one in rest), sum(one[1][1] for one in rest)))]
    return [
        {name: label or "none", "calls": formats.count(calls), "cost_usd": formats.usd(usd)}
        for label, (calls, usd) in ordered
    ]
