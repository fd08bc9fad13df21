"""Promises of :mod:`hydrochat_otel.prices.rates`."""

import time

import pytest
from hypothesis import given, settings, strategies as st

from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.rates import Rate
from hydrochat_otel.prices.usage import Tokens
from hydrochat_otel.testing.consumption import RATES, Buckets, Consumption

NOW = time.time()
COUNTS = st.integers(0, 400_000)


@given(model=st.sampled_from(sorted(RATES)), fresh=COUNTS, cached=COUNTS, audio=st.integers(0, 100), answer=COUNTS)
@settings(max_examples=60, deadline=None)
def test_savings_equal_the_emulators_ledger(model, fresh, cached, audio, answer):
    """Cached input saves what the same input would have cost fresh, in its own modality and its own context tier."""
    cached_audio = min(audio, cached)
    rate = PriceBook().rate(model, NOW)
    tokens = Tokens(fresh, cached, 0, answer, cached_by_modality={"AUDIO": cached_audio} if cached_audio else {})
    used = Consumption(
        buckets=Buckets(input_fresh=fresh, input_cached=cached, output_answer=answer), cached_audio=cached_audio
    )
    assert rate.saved_usd(tokens) == pytest.approx(max(float(RATES[model].saved_usd(used)), 0.0), rel=0, abs=1e-9)


def test_cached_input_that_costs_more_saves_nothing():
    """Savings are 0.0, because a counter cannot fall."""
    assert Rate("file", input=1, cached=2, output=1).saved_usd(Tokens(0, 10)) == 0.0


def test_tokens_as_if_fresh_are_as_many():
    """No token is lost when cached tokens count as fresh ones, whatever their modality."""
    tokens = Tokens(10, 20, 3, 4, 5, fresh_by_modality={"AUDIO": 4}, cached_by_modality={"AUDIO": 6, "IMAGE": 2})
    fresh = tokens.as_if_fresh()
    assert fresh.total == tokens.total
    assert (fresh.buckets, fresh.fresh_by_modality) == ((30, 0, 3, 4, 5), {"AUDIO": 10, "IMAGE": 2})
    assert tokens.without_output().buckets == (10, 20, 3, 0, 0)


def test_cached_input_without_a_price_costs_what_fresh_input_of_its_modality_costs(tmp_path):
    """A price file that states audio and no cached price charges cached audio as audio, not as text."""
    path = tmp_path / "prices.json"
    path.write_text('{"models": {"gemini-x": {"input": 1, "output": 2, "input_audio": 5}}}')
    rate = PriceBook(path).rate("gemini-x", NOW)
    assert rate.cost_usd(Tokens(0, 1000, cached_by_modality={"AUDIO": 400})) == (600 * 1 + 400 * 5) / 1e6
    assert rate.saved_usd(Tokens(0, 1000, cached_by_modality={"AUDIO": 400})) == 0.0


def test_a_model_may_be_charged_by_the_unit_alone(tmp_path):
    """A model of the price file with charges and no prices of tokens is accepted: its images have a price."""
    path = tmp_path / "prices.json"
    path.write_text('{"models": {"imagen-9": {"charges": {"image": 0.05}}}}')
    book = PriceBook(path)
    assert book.unit_price("image", "imagen-9", NOW).cost_usd("image", 3) == pytest.approx(0.15)
    assert book.rate("imagen-9", NOW) is None
