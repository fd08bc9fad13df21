"""Promises of :mod:`hydrochat_otel.prices.charges`."""

from decimal import Decimal

import pytest

from hydrochat_otel.prices.charges import CHARGES, PRICED_UNITS, UnitPrice, charged_units, listed_price


@pytest.mark.parametrize(
    ("model", "uses", "units"),
    [
        ("gemini-2.5-flash", 3, 1),
        ("gemini-2.0-flash-001", 3, 1),
        ("gemini-3-flash-preview", 3, 3),
        ("gemini-3.8-flash", 3, 3),
        ("gemini-4-argon", 2, 2),
        ("gemini-2.5-flash", 0, 0),
        ("gemini-flash-latest", 3, 3),
    ],
)
def test_grounding_is_charged_by_prompt_and_later_by_query(model, uses, units):
    """Before Gemini 3 a grounded prompt is one unit, from then on each query is."""
    assert charged_units("grounding_search", model, uses) == charged_units("grounding_maps", model, uses) == units
    assert charged_units("image", model, uses) == uses


def test_a_unit_costs_its_listed_price():
    """A thousand searches, a million token-hours, one image: each price has its own unit."""
    assert set(PRICED_UNITS) == set(CHARGES)
    assert listed_price("grounding_search", "gemini-2.5-flash").cost_usd("grounding_search", 1) == 0.035
    assert listed_price("cache_storage", "gemini-2.5-flash").cost_usd("cache_storage", 2_000_000.0) == 2.0
    assert listed_price("image", "imagen-4.0-ultra-generate-001").cost_usd("image", 4) == 0.24
    assert UnitPrice(Decimal("0.40"), "list").cost_usd("video_second", 8) == 3.2


def test_uses_within_the_tokens_cost_nothing_more():
    """URL context and code execution are counted; their price is known to be zero."""
    prices = [listed_price(charge, "gemini-9-ultra") for charge in ("url_context", "code_execution")]
    assert [price.usd for price in prices] == [0, 0]
    assert listed_price("grounding_search", "gemini-flash-latest") is None
