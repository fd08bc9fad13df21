"""Promises of :mod:`hydrochat_otel.prices.book` and :mod:`hydrochat_otel.prices.rates`."""

import json
import os
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given, settings, strategies as st

from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.rates import CONTRACT_MODEL, usd_per_million
from hydrochat_otel.prices.usage import Tokens, balance
from hydrochat_otel.runtime import failures
from hydrochat_otel.testing.consumption import RATES

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
counts = st.integers(min_value=0, max_value=3_000_000)


def prices_file(tmp_path, models, name="prices.json"):
    """A price file with these models."""
    path = tmp_path / name
    path.write_text(json.dumps({"models": models}))
    return path


def test_the_contract_has_the_price_of_its_own_model():
    """35 000 + 10 000 tokens of gemini-2.0-flash-exp cost $0.0065, by every form of its name."""
    book, tokens = PriceBook(), balance(35_000, 0, 0, 10_000, 0, total=45_000)
    names = ("gemini-2.0-flash-exp", "models/gemini-2.0-flash-exp", "publishers/google/models/gemini-2.0-flash-exp")
    assert [book.cost_usd(name, tokens, NOW) for name in names] == [0.0065] * 3
    assert book.rate("gemini-2.0-flash-exp", NOW).source == "contract"


@settings(deadline=None)  # the first example imports genai-prices
@given(
    model=st.sampled_from(sorted(set(RATES) - {"gemini-2.0-flash-exp"})),
    prompt=counts,
    cached=counts,
    answer=counts,
    audio=counts,
)
def test_costs_equal_genai_prices(model, prompt, cached, answer, audio):
    """The cost equals the package's own for the same usage, for tiers, cached input and audio, to 1e-9 dollars."""
    cached = min(cached, prompt)
    audio = min(audio, prompt - cached)
    charged = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=prompt,
            cache_read_tokens=cached,
            output_tokens=answer,
            input_audio_tokens=audio,
            cache_audio_read_tokens=0,
        ),
        model,
        provider_id="google",
        genai_request_timestamp=datetime.fromtimestamp(NOW, UTC),
    )
    tokens = balance(prompt, cached, 0, answer, 0, total=prompt + answer)._replace(fresh_by_modality={"AUDIO": audio})
    assert PriceBook().cost_usd(model, tokens, NOW) == pytest.approx(float(charged.total_price), rel=1e-15, abs=1e-9)


@settings(deadline=None)
@given(tokens=st.tuples(counts, counts, counts, counts, counts))
def test_a_cost_is_exact(tokens):
    """The sum is in whole numbers and rounded once: the float nearest to the true amount."""
    fresh, cached, tool, answer, thinking = tokens
    exact = ((fresh + tool) * Decimal("0.3") + cached * Decimal("0.03") + (answer + thinking) * Decimal("2.5")) / 10**6
    assert PriceBook().cost_usd("gemini-2.5-flash", Tokens(*tokens), NOW) == float(exact)


def test_priced_unpriced_and_free_are_different():
    """A free model costs 0.0, an unknown one costs None."""
    book, tokens = PriceBook(), balance(10, 0, 0, 5, 0, total=15)
    costs = [
        book.cost_usd(model, tokens, NOW) for model in ("gemini-2.5-flash", "gemma-3-27b-it", "gemini-9-ultra", "")
    ]
    assert costs == [1.55e-05, 0.0, None, None]
    assert [book.rate(model, NOW).is_free for model in ("gemini-2.5-flash", "gemma-3-27b-it")] == [False, True]


def test_the_day_of_the_call_decides():
    """A price that changes on a date is charged from that day on."""
    book = PriceBook()
    before, after = (datetime(2026, 12, 31, tzinfo=UTC).timestamp(), datetime(2027, 1, 1, tzinfo=UTC).timestamp())
    assert [usd_per_million(book.rate("gemini-3.7-flash", day).input) for day in (before, after)] == [
        Decimal("0.75"),
        Decimal("1.5"),
    ]


def test_a_service_tier_without_a_row_costs_googles_factor():
    """1000 + 100 tokens of gemini-2.5-flash on flex cost $0.000275; a row of genai-prices comes before the factor."""
    book, tokens = PriceBook(), balance(1000, 0, 0, 100, 0, total=1100)
    listed = book.rate("gemini-3.8-flash-tts", NOW, "flex")
    assert (usd_per_million(listed.input), usd_per_million(listed.output), listed.factor) == (
        Decimal("0.25"),
        Decimal("4.5"),
        None,
    )
    costs = {
        tier: book.cost_usd("gemini-2.5-flash", tokens._replace(service_tier=tier), NOW)
        for tier in ("standard", "flex", "priority", "batch")
    }
    assert costs == {"standard": 0.00055, "flex": 0.000275, "priority": 0.00099, "batch": 0.000275}
    assert [book.rate("gemini-2.5-flash", NOW, tier).factor for tier in ("flex", "batch")] == [Decimal("0.5"), None]
    assert usd_per_million(book.rate("gemini-2.0-flash-exp", NOW, "flex").input) == Decimal("0.05")


def test_a_service_tier_without_a_known_price_is_unpriced():
    """No factor is assumed for capacity that is paid in advance, nor for models whose answers are not text."""
    book = PriceBook()
    assert book.rate("gemini-2.5-flash", NOW, "provisioned") is None
    assert book.rate("gemini-embedding-001", NOW, "flex") is None
    assert book.rate("gemini-2.5-flash-image", NOW, "priority") is None


def test_the_operators_factor_comes_first(tmp_path):
    """The file's factor applies to every text model without a row, its own standard prices included."""
    path = tmp_path / "prices.json"
    models = {"gemini-9-ultra": {"input": 3, "output": 4}}
    path.write_text(json.dumps({"models": models, "factors": {"flex": 0.4}}))
    book = PriceBook(path)
    assert usd_per_million(book.rate("gemini-9-ultra", NOW, "flex").input) == Decimal("1.2")
    assert usd_per_million(book.rate("gemini-2.5-flash", NOW, "flex").input) == Decimal("0.12")
    assert usd_per_million(book.rate("gemini-9-ultra", NOW, "priority").input) == Decimal("5.4")


def test_audio_of_embeddings_is_charged_as_audio():
    """1000 audio tokens on gemini-embedding-2 cost $0.0065."""
    tokens = balance(1000, 0, 0, 0, 0, total=1000)._replace(fresh_by_modality={"AUDIO": 1000})
    assert PriceBook().cost_usd("gemini-embedding-2", tokens, NOW) == 0.0065


def test_charges_are_priced_by_file_package_and_list(tmp_path):
    """The order: the file for the model, then for every model; genai-prices' searches; Google's list; else unknown."""
    path = tmp_path / "prices.json"
    path.write_text(
        json.dumps(
            {
                "charges": {"grounding_maps": 1},
                "models": {"gemini-2.5-pro": {"input": 1, "output": 2, "charges": {"grounding_search": 9}}},
            }
        )
    )
    book = PriceBook(path)
    asked = [
        ("grounding_search", "models/gemini-2.5-pro"),
        ("grounding_maps", "gemini-2.5-pro"),
        ("grounding_search", "gemini-3-flash-preview"),
        ("cache_storage", "gemini-2.5-pro"),
        ("image", "imagen-4.0-generate-001"),
        ("image", "gemini-9-ultra"),
    ]
    prices = [book.unit_price(charge, model, NOW) for charge, model in asked]
    assert [price and (price.usd, price.source) for price in prices] == [
        (Decimal(9), "file"),
        (Decimal(1), "file"),
        (Decimal(14), "genai-prices"),
        (Decimal("4.50"), "list"),
        (Decimal("0.04"), "list"),
        None,
    ]
    assert book.unit_price("grounding_search", "gemini-3-flash-preview", NOW).cost_usd("grounding_search", 2) == 0.028


def test_the_operators_prices_come_first(tmp_path):
    """The file wins over contract and package, by any form of the name, and only for the models that it names."""
    path = prices_file(
        tmp_path,
        {
            "models/gemini-2.0-flash-exp": {"input": 1, "output": 2},
            "gemini-9-ultra": {"input": 3, "output": 4, "service_tiers": {"flex": {"input": 1.5, "output": 2}}},
        },
    )
    book = PriceBook(path)
    book.age_s(NOW)  # loads genai-prices
    rates = [book.rate(model, NOW) for model in ("gemini-2.0-flash-exp", "gemini-9-ultra-001", "gemini-2.5-pro")]
    assert [(rate.source, usd_per_million(rate.input)) for rate in rates] == [
        ("file", 1),
        ("file", 3),
        ("genai-prices", Decimal("1.25")),
    ]
    assert usd_per_million(book.rate("gemini-9-ultra", NOW, "flex").input) == Decimal("1.5")
    assert [book.lists(model) for model in ("gemini-9-ultra", "gemini-2.5-pro", "tan-ah-kow")] == [True, True, False]


def test_naming_a_model_never_waits_for_the_package(monkeypatch):
    """Before genai-prices is loaded none of its models is listed; one thread is started to load it, once."""
    book, started = PriceBook(), []

    def note(thread):
        started.append(thread)

    monkeypatch.setattr(threading.Thread, "start", note)
    assert [book.lists("gemini-2.5-pro"), book.lists("gemini-2.5-flash")] == [False, False]
    (thread,) = started
    thread.run()
    assert [book.lists("gemini-2.5-pro"), book.lists("tan-ah-kow")] == [True, False]


def test_a_changed_file_is_read_by_the_refresh_only(tmp_path):
    """A call's look-up never reads the file; the background refresh does, after a change."""
    path = prices_file(tmp_path, {"gemini-9-ultra": {"input": 1, "output": 2}})
    book = PriceBook(path)
    assert usd_per_million(book.rate("gemini-9-ultra", NOW).input) == 1
    prices_file(tmp_path, {"gemini-9-ultra": {"input": 9.5, "output": 2}})
    assert usd_per_million(book.rate("gemini-9-ultra", NOW).input) == 1
    book.refresh()
    assert usd_per_million(book.rate("gemini-9-ultra", NOW).input) == Decimal("9.5")


def make_fifo(path):
    """Put a FIFO in the file's place."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("{"), lambda path: path.unlink(), make_fifo])
def test_an_invalid_file_keeps_its_old_prices(tmp_path, caplog, spoil):
    """A reload that fails gives one sentence for each change, counted once, and never reaches the application."""
    path = prices_file(tmp_path, {"gemini-9-ultra": {"input": 1, "output": 2}})
    book = PriceBook(path)
    spoil(path)
    for _ in range(2):
        book.refresh()
        assert usd_per_million(book.rate("gemini-9-ultra", NOW).input) == 1
    assert failures.counts() == {"prices.reload": 1}
    (sentence,) = [record.getMessage() for record in caplog.records]
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(". The last valid prices stay in use.")


def test_the_rates_in_use_are_those_of_priced_models():
    """Each model that a call was priced with is listed once, at its standard rate; an unpriced one is not."""
    book = PriceBook()
    assert list(book.in_use(time.time())) == []
    for model, tier in ((CONTRACT_MODEL, "standard"), ("no-such-model", "standard"), ("gemini-2.5-flash", "priority")):
        book.rate(model, time.time(), tier)
    found = list(book.in_use(time.time()))
    assert [(one.model, one.service_tier) for one in found] == [
        ("gemini-2.5-flash", "standard"),
        (CONTRACT_MODEL, "standard"),
    ]
    assert found[1].rate.usd_by_bucket() == {
        "input_fresh": 0.1,
        "input_cached": 0.1,
        "input_tool": 0.1,
        "output_answer": 0.3,
        "output_thinking": 0.3,
    }


def test_the_age_is_that_of_the_older_source(tmp_path):
    """The age of genai-prices is its newest date in the past, the file's is `as_of`, or else its modification time."""
    alone = PriceBook()
    assert 0 < alone.age_s(time.time()) < 400 * 86_400
    path = prices_file(tmp_path, {"x": {"input": 1, "output": 2}})
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert PriceBook(path).age_s(1_800_000_000.0) == 800_000_000.0
    path.write_text(json.dumps({"as_of": "2001-09-09", "models": {"x": {"input": 1, "output": 2}}}))
    assert PriceBook(path).age_s(1_800_000_000.0) == 1_800_000_000 - datetime(2001, 9, 9, tzinfo=UTC).timestamp()


def test_a_price_list_that_breaks_is_counted_and_unpriced(monkeypatch):
    """Whatever genai-prices does, a call gets no exception."""
    book = PriceBook()
    monkeypatch.setattr(book, "_resolve", lambda *_: 1 / 0)
    assert book.rate("gemini-2.5-flash", NOW) is None
    assert failures.counts() == {"prices.resolve": 1}


def test_a_rate_is_looked_up_once_a_day(monkeypatch):
    """The second call of a day costs a dictionary look-up."""
    book = PriceBook()
    asked = []
    resolve = book._resolve
    monkeypatch.setattr(book, "_resolve", lambda *key: asked.append(key) or resolve(*key))
    for moment in (NOW, NOW + 1, NOW + 86_400):
        book.rate("gemini-2.5-flash", moment)
    assert len(asked) == 2
