"""Promises of :mod:`hydrochat_otel.views.money`."""

import dataclasses

from factories import counter, snapshot

from hydrochat_otel import semconv
from hydrochat_otel.views import money
from hydrochat_otel.window.days import Missing
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Forecast

NOON_OF_THE_THIRD = 1_759_492_800.0  # 2025-10-03T12:00:00Z


def taken(*points, entries=(), budget=None, unix_s=NOON_OF_THE_THIRD):
    made = snapshot(unix_s=unix_s, budget=budget)
    families = (counter(semconv.LLM_COST, *points), counter(semconv.LLM_CALLS, *((labels, 2) for labels, _ in points)))
    return dataclasses.replace(made, families=families, entries=entries)


def sums(rows, name="operation"):
    return [(row[name], row["calls"], row["cost_usd"]) for row in rows]


def test_by_operation_since_the_start():
    """If the cost carries the operation, its sums are shown, the highest first; calls outside of all are `none`."""
    shown = money.document(
        taken(
            ({semconv.OPERATION: "a", semconv.ROOT_OPERATION: "turn"}, 0.25),
            ({semconv.OPERATION: "b", semconv.ROOT_OPERATION: "turn"}, 1.5),
            ({semconv.OPERATION: "none", semconv.ROOT_OPERATION: "none"}, 0.125),
        ),
    )
    assert sums(shown["by_root_operation"]) == [("turn", 4, 1.75), ("none", 2, 0.125)]
    assert shown["by_operation_covers"] == "start"
    assert sums(shown["by_operation"]) == [("b", 2, 1.5), ("a", 2, 0.25), ("none", 2, 0.125)]


def test_by_operation_of_the_window():
    """Otherwise the calls of the window's turns are added up by their root."""
    entries = (
        Entry("gemini", "generate_content", 1.0, 9.0, trace_id=1, span_id=2, parent_span_id=1, cost_usd=0.5),
        Entry("operation", "turn", 2.0, 10.0, trace_id=1, span_id=1),
        Entry("gemini", "generate_content", 1.0, 9.0, trace_id=2, span_id=2, cost_usd=0.25),
    )
    shown = money.document(taken(({}, 0.75), entries=entries))
    assert shown["by_operation_covers"] == "window"
    assert sums(shown["by_root_operation"]) == [("turn", 1, 0.5), ("none", 1, 0.25)]


def test_an_operation_without_a_price_has_a_row():
    """An operation whose calls all have no price is listed with its tokens, and its dollars are null, not 0."""
    labels = [{semconv.OPERATION: name} for name in ("priced", "unpriced")]
    families = (
        counter(semconv.LLM_CALLS, *((each, 2) for each in labels)),
        counter(semconv.LLM_TOKENS, *((each, 30) for each in labels)),
        counter(semconv.LLM_COST, (labels[0], 0.5)),
        counter(semconv.LLM_UNPRICED_TOKENS, (labels[1], 30)),
        counter(semconv.LLM_INCOMPLETE_CALLS, (labels[0], 1)),
    )
    priced, unpriced = money.document(dataclasses.replace(snapshot(), families=families))["by_operation"]
    assert (priced["cost_usd"], priced["unpriced_tokens"], priced["incomplete_calls"]) == (0.5, 0, 1)
    assert (unpriced["operation"], unpriced["tokens"], unpriced["cost_usd"], unpriced["unpriced_tokens"]) == (
        "unpriced",
        30,
        None,
        30,
    )


def test_dimensions():
    """Each dimension of the application has its values; a call without one is `none`."""
    tier = f"{semconv.DIMENSION}tier"
    shown = money.document(taken(({tier: "gold"}, 0.5), ({}, 0.25)))
    (dimension,) = shown["dimensions"]
    assert dimension["dimension"] == "tier"
    assert sums(dimension["rows"], "value") == [("gold", 2, 0.5), ("none", 2, 0.25)]


def test_rows_are_bounded():
    """More than a hundred operations: the hundred highest, and one row for all others; the sum stays complete."""
    shown = money.document(taken(*(({semconv.OPERATION: f"op{index}"}, float(index)) for index in range(150))))
    rows = shown["by_operation"]
    assert (len(rows), rows[-1]["operation"], sum(row["cost_usd"] for row in rows)) == (101, "other", sum(range(150)))


def test_the_forecast_is_the_budgets_own():
    """The page shows the one forecast that the gauge and the export show; null where there is none."""
    forecast = Forecast(month_usd=31.0, low_usd=20.0, high_usd=40.0, spent_on=None)
    with_one = money.document(taken(budget=Budget(1.0, 2.5, None, None, forecast=forecast)))
    without = money.document(taken(budget=Budget(1.0, 2.5, None, None)))
    assert (with_one["month"]["forecast_usd"], without["month"]["forecast_usd"]) == (31.0, None)


def test_what_the_sums_miss_stands_beside_them():
    """Whatever a sum of dollars does not contain is beside it: since the start, of the month and of the day."""
    missing = Missing(unpriced_calls=1, unpriced_tokens=900)
    shown = money.document(taken(budget=Budget(1.0, 2.5, None, None, missing_month=missing)))
    assert shown["month"]["missing"]["unpriced_tokens"] == 900
    assert shown["day"]["missing"] == dict.fromkeys(Missing._fields, 0)
    assert {*Missing._fields} <= shown.keys()
    assert (shown["savings_usd"], shown["retry_cost_usd"]) == (None, None)


def test_charges_beside_tokens():
    """Each charge has its units and dollars, the most expensive first; one without a known price has no dollars."""
    search, images, maps = ({semconv.CHARGE: name} for name in ("grounding_search", "image", "grounding_maps"))
    families = (
        counter(
            semconv.LLM_CHARGED_UNITS, (maps, 4), (search, 2), ({**search, semconv.OPERATION: "a"}, 1), (images, 3)
        ),
        counter(semconv.LLM_CHARGES, (search, 0.028), ({**search, semconv.OPERATION: "a"}, 0.014), (images, 0.12)),
    )
    shown = money.document(dataclasses.replace(snapshot(unix_s=NOON_OF_THE_THIRD), families=families))
    assert shown["charges"] == [
        {"charge": "image", "units": 3, "cost_usd": 0.12},
        {"charge": "grounding_search", "units": 3, "cost_usd": 0.042},
        {"charge": "grounding_maps", "units": 4, "cost_usd": None},
    ]
