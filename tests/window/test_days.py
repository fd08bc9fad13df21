"""Promises of :mod:`hydrochat_otel.window.days` and of its form in the shared state."""

import json

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hydrochat_otel import semconv
from hydrochat_otel.fleet.checks import DecodingError
from hydrochat_otel.fleet.day_totals import decoded_days, encoded_days
from hydrochat_otel.window import days, dollars
from hydrochat_otel.window.days import DayCounts, DayKey

KEYS = st.builds(
    DayKey,
    st.sampled_from(["UTC", "America/Los_Angeles"]),
    st.dates().map(lambda day: day.isoformat()),
    st.sampled_from(["a", "b"]),
    st.sampled_from(semconv.OUTCOMES),
)
WHOLE = st.integers(0, 2**40)
COUNTS = st.builds(
    DayCounts, *[WHOLE] * 6, st.integers(0, 500 * 10**12).map(lambda n: dollars.rounded(n / 1e12)), *[WHOLE] * 5
)
DAYS = st.dictionaries(KEYS, COUNTS, max_size=6)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DAYS, max_size=4), st.randoms())
def test_merging_is_independent_of_order(parts, random):
    """Dollars are added as decimals: any order and any grouping gives the same, to the last digit."""
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert days.merged(parts) == days.merged([days.merged(shuffled[:2]), *shuffled[2:]])


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(DAYS, DAYS)
def test_merged_days_can_be_subtracted(base, more):
    """Days less their base are later numbers; rows without any number are left out."""
    whole = days.merged([base, more])
    rest = days.minus(whole, base)
    assert {key: one for key, one in rest.items() if any(one)} == {key: one for key, one in more.items() if any(one)}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(DAYS)
def test_days_survive_the_shared_state(found):
    """Days are read back as they were written, as JSON."""
    assert decoded_days(json.loads(json.dumps(encoded_days(found)))) == found


@pytest.mark.parametrize(
    "raw",
    [
        None, [], {"UTC": []}, {"UTC": {"soon": {"m": {"ok": [0] * 12}}}},
        {"UTC": {"2026-01-01": {"m": {"fine": [0] * 12}}}},
        {"UTC": {"2026-01-01": {"m": {"ok": [0] * 11}}}}, {"UTC": {"2026-01-01": {"m": {"ok": [-1] + [0] * 11}}}},
        {"UTC": {"2026-01-01": {"m": {"ok": [0.5] + [0] * 11}}}},
        {"UTC": {"2026-01-01": {"m" * 999: {"ok": [0] * 12}}}},
    ],
)  # fmt: skip
def test_damaged_days_are_refused(raw):
    """An invalid day, outcome or count raises one error and nothing else."""
    with pytest.raises(DecodingError):
        decoded_days(raw)


def test_rows_are_bounded():
    """Beyond the bound, models of the oldest days are added up under `other`, and nothing is lost."""
    rows = {
        DayKey("UTC", f"2026-01-{day:02}", f"model-{model}", "ok"): DayCounts(calls=1)
        for day in range(1, 31)
        for model in range(900)
    }
    bounded = days.bounded(rows)
    assert len(bounded) <= days.MAX_ROWS < len(rows)
    assert days.total(bounded, "UTC").calls == len(rows)
    assert DayKey("UTC", "2026-01-30", "model-7", "ok") in bounded
    assert bounded[DayKey("UTC", "2026-01-01", "other", "ok")].calls == 900
