"""Encodes the days of a member's totals as JSON, and decodes and checks them."""

from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.fleet import checks
from hydrochat_otel.window.days import DayCounts, DayKey, Days

_COST: Final = DayCounts._fields.index("cost_usd")
_LONGEST_NAME: Final = 256


def encoded_days(days: Days) -> dict[str, Any]:
    """Return the rows nested by zone, day, model and outcome, so that no text is repeated."""
    nested: dict[str, Any] = {}
    for (zone, day, model, outcome), counts in days.items():
        nested.setdefault(zone, {}).setdefault(day, {}).setdefault(model, {})[outcome] = list(counts)
    return nested


def decoded_days(raw: Any) -> dict[DayKey, DayCounts]:
    """Return the rows from what :func:`encoded_days` returned.

    Raises:
        DecodingError: The value is anything else.
    """
    return {
        DayKey(
            checks.text(zone, "a zone", longest=_LONGEST_NAME),
            checks.day(day, "days"),
            checks.text(model, "a model", longest=_LONGEST_NAME),
            checks.one_of(outcome, "an outcome", semconv.OUTCOMES),
        ): _counts(counts)
        for zone, by_day in checks.mapping(raw, "days").items()
        for day, by_model in checks.mapping(by_day, "days").items()
        for model, by_outcome in checks.mapping(by_model, "days").items()
        for outcome, counts in checks.mapping(by_outcome, "days").items()
    }


def _counts(raw: Any) -> DayCounts:
    numbers: list[Any] = checks.sequence(raw, "the counts of a day", length=len(DayCounts._fields))
    cost_usd: float = checks.amount(numbers[_COST], "the cost of a day")
    whole: list[int] = [checks.whole(one, "a count of a day") for one in numbers[:_COST] + numbers[_COST + 1 :]]
    return DayCounts._make([*whole[:_COST], cost_usd, *whole[_COST:]])
