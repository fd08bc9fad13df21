"""Promises of :mod:`hydrochat_otel.prices.reconcile.metered`."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from hydrochat_otel import semconv
from hydrochat_otel.prices.reconcile import metered
from hydrochat_otel.prices.reconcile.amounts import Amount
from hydrochat_otel.prices.reconcile.bill import Span
from hydrochat_otel.prices.reconcile.comparison import Metered
from hydrochat_otel.prices.reconcile.metered import MeteredError
from hydrochat_otel.views.prometheus import naming
from hydrochat_otel.views.prometheus_server import Series

DAY = date(2025, 10, 1)


@pytest.mark.parametrize(
    ("before", "values", "grown"),
    [(None, [5, 8], 8), (5, [5, 8], 3), (5, [8, 2, 4], 7), (None, [], 0), (5, [], 0), (9, [3], 3)],
)
def test_an_increase_is_exact_over_new_series_and_resets(before, values, grown):
    """In raw samples a new series counts from 0, and one that was reset counts what it has since."""
    assert metered.increase(None if before is None else Decimal(before), map(Decimal, values)) == grown


def series(metric, *samples, model="gemini-2.5-flash", **labels):
    """A series as the client returns it."""
    return Series({"__name__": metric, "gen_ai_request_model": model, **labels}, samples)


def query_of(answers):
    """Return a query that answers by its expression, and fails for any other."""
    return lambda query, at_unix_s: answers.get((query, at_unix_s), [])


TOKENS, COST, UNPRICED, *_ = metered.FAMILIES


def test_metered_amounts_come_from_prometheus():
    """Tokens, dollars and what they miss by day and model, over workers, buckets and two days in a row."""
    start = datetime(2025, 10, 1, tzinfo=UTC).timestamp()
    answers = {
        (metered.selector(300), start): [series(TOKENS, (start - 9, "90"), (start - 1, "100"), instance="a")],
        (metered.selector(86_400), start + 86_400): [
            series(TOKENS, (start, "100"), (start + 1, "110"), (start + 2, "30"), instance="a"),
            series(TOKENS, (start + 5, "7"), instance="b"),
            series(COST, (start + 1, "0.25"), model="gemini-2.0-flash"),
            series(UNPRICED, (start + 1, "3")),
        ],
        (metered.selector(86_400), start + 2 * 86_400): [series(TOKENS, (start + 86_401, "31"), instance="a")],
    }
    assert metered.of_prometheus(query_of(answers), [Span(DAY, date(2025, 10, 2))], "UTC") == {
        (DAY, "gemini-2.5-flash"): Metered(Amount(tokens=47), unpriced_tokens=3),
        (DAY, "gemini-2.0-flash"): Metered(Amount(cost_usd=Decimal("0.25"))),
        (date(2025, 10, 2), "gemini-2.5-flash"): Metered(Amount(tokens=1)),
    }


def test_a_day_of_25_hours_is_one_query():
    """The day on which summer time ends has 25 hours, in the zone of the bill."""
    zone, day = "America/Los_Angeles", date(2025, 11, 2)
    end = datetime(2025, 11, 3, tzinfo=ZoneInfo(zone)).timestamp()
    answers = {(metered.selector(90_000), end): [series(TOKENS, (end - 1, "4"))]}
    assert metered.of_prometheus(query_of(answers), [Span(day, day)], zone) == {
        (day, "gemini-2.5-flash"): Metered(Amount(tokens=4))
    }


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "1e308", "x"])
def test_an_invalid_count_is_one_sentence(value):
    """A wrong value of a counter gives a sentence about Prometheus."""
    end = datetime(2025, 10, 2, tzinfo=UTC).timestamp()
    answers = {(metered.selector(86_400), end): [series(TOKENS, (end, value))]}
    with pytest.raises(MeteredError, match="as the value of a counter"):
        metered.of_prometheus(query_of(answers), [Span(DAY, DAY)], "UTC")


def test_the_queried_names_are_exposed():
    """A renamed metric would otherwise reconcile to zero without a message."""
    specs = (semconv.LLM_TOKENS, semconv.LLM_COST, semconv.LLM_UNPRICED_TOKENS, semconv.LLM_UNRECONCILED_CALLS)
    exposed = {f"{naming.family_name(spec.name, spec.unit, is_counter=True)[0]}_total" for spec in specs}
    assert exposed <= set(metered.FAMILIES)
    assert naming.labels({semconv.GEN_AI_REQUEST_MODEL: "x"}) == f'{metered.MODEL_LABEL}="x"'


ROW = {
    "day": "2025-10-01", "model": "gemini-2.5-flash", "total_tokens": 5, "cost_usd": 0.1, "unpriced_tokens": 0,
    "unreconciled_calls": 1, "incomplete_calls": 0,
}  # fmt: skip


def test_days_come_from_an_export():
    """Rows of a day and model add up; the zone of the bill is used if the service has days of it."""
    export = {"days": {"zone": "Asia/Singapore", "zones": {"Asia/Singapore": [], "UTC": [ROW, ROW]}}}
    assert metered.of_export(export, "UTC") == (
        {(DAY, "gemini-2.5-flash"): Metered(Amount(10, Decimal("0.2")), 0, 2, 0)},
        "UTC",
    )
    assert metered.of_export(export, "America/Los_Angeles") == ({}, "Asia/Singapore")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "zone", "zones", "days"]), inner)
    ),
)


@settings(deadline=None)
@given(JSON)
def test_any_export_is_days_or_a_sentence(found):
    """Whatever a service answers, the result is days or MeteredError."""
    try:
        days, _ = metered.of_export({"days": {"zone": "UTC", "zones": {"UTC": found}}}, "UTC")
    except MeteredError as error:
        days = str(error)
    assert isinstance(days, dict | str)
