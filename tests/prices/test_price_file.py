"""Promises of :mod:`hydrochat_otel.prices.price_file`."""

import json
from decimal import Decimal

import pytest

from hydrochat_otel.prices import price_file
from hydrochat_otel.prices.charges import UnitPrice
from hydrochat_otel.prices.price_file import PriceFileError, read_price_file
from hydrochat_otel.prices.rates import Rate, femtodollars, usd_per_million

FULL_TOML = """
as_of = 2025-10-01
[models."gemini-2.5-pro"]
input = 1.25
cached = 0.125
output = 10
thinking = 12.5
input_audio = 2
output_image = "30.000000001"
[[models."gemini-2.5-pro".tiers]]
above_input_tokens = 200000
input = 2.50
output = 15
[models."gemini-2.5-pro".service_tiers.flex]
input = 0.625
output = 5
[models."publishers/google/models/gemma-3-27b-it"]
free = true
"""


def f(usd):
    """A price for a million tokens, in femtodollars a token."""
    return femtodollars(Decimal(usd))


def test_every_key_is_read(tmp_path):
    """Prices by direction, modality, context tier and service tier, free models, and the date."""
    path = tmp_path / "prices.toml"
    path.write_text(FULL_TOML)
    read = read_price_file(path)
    assert read.rates == {
        ("gemini-2.5-pro", "standard"): Rate(
            "file",
            input=f("1.25"),
            cached=f("0.125"),
            output=f("10"),
            thinking=f("12.5"),
            modalities={("input", "AUDIO"): f("2"), ("output", "IMAGE"): f("30.000000001")},
            tiers=((200_000, Rate("file", input=f("2.5"), cached=f("2.5"), output=f("15"))),),
        ),
        ("gemini-2.5-pro", "flex"): Rate("file", input=f("0.625"), cached=f("0.625"), output=f("5")),
        ("gemma-3-27b-it", "standard"): Rate("file", 0, 0, 0),
    }
    assert read.as_of_unix_s == 1_759_276_800.0


def test_toml_and_json_mean_the_same(tmp_path):
    """Both formats give the same rates, and no price passes through a binary fraction."""
    toml, text = tmp_path / "p.toml", tmp_path / "p.json"
    toml.write_text("[models.x]\ninput = 0.1\noutput = 0.3\n")
    text.write_text('{"models": {"x": {"input": 0.1, "output": 0.3}}}')
    assert read_price_file(toml).rates == read_price_file(text).rates
    assert usd_per_million(read_price_file(text).rates["x", "standard"].input) == Decimal("0.1")


def model(**prices):
    """A price file with one model."""
    return {"models": {"m": prices}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([], "must hold a table with `models`, not a list."),
        ({}, "models must be a table with at least one model."),
        ({"models": {}}, "models must be a table with at least one model."),
        ({"models": {"m": 3}}, "models.m must be a table with input, cached,"),
        ({"model": {}}, "model is not known; the file has `models` and may have `as_of`, `charges`, `factors`."),
        (model(output=1), "models.m.input is missing; it is the dollars for a million tokens."),
        (model(input=1), "models.m.output is missing; it is the dollars for a million tokens."),
        (
            model(input=-1, output=1),
            "models.m.input must be a number of dollars for a million tokens, from 0 to 1000000",
        ),
        (model(input=True, output=1), "models.m.input must be a number"),
        (model(input="cheap", output=1), "models.m.input must be a number"),
        (model(input="NaN", output=1), "models.m.input must be a number"),
        (model(input="1e30", output=1), "models.m.input must be a number"),
        (model(input="0.0000000001", output=1), "models.m.input must be a number"),
        (model(input=None, output=1), "models.m.input must be a number"),
        (model(input=1, output=1, outptu=1), "models.m.outptu is not known; allowed are input, cached, output,"),
        (model(free=True, input=1), "models.m is free and has prices; give one of the two."),
        (model(free="yes"), "models.m.free must be true or false."),
        (model(input=1, output=1, tiers={}), "models.m.tiers must be a list of tables"),
        (model(input=1, output=1, tiers=[{"input": 1, "output": 1}]), "models.m.tiers[0].above_input_tokens must be"),
        (
            model(input=1, output=1, service_tiers={"cheap": {}}),
            "models.m.service_tiers.cheap is not known; allowed are",
        ),
        (model(input=1, output=1) | {"as_of": "soon"}, "as_of must be a date such as 2025-10-01."),
        (model(input=1, output=1) | {"as_of": 3}, "as_of must be a date such as 2025-10-01."),
        (model(input=1, output=1, charges={"image": -1}), "models.m.charges.image must be a number of dollars, from 0"),
        (model(input=1, output=1, charges={"tape": 1}), "models.m.charges.tape is not known; allowed are grounding_"),
        ({"charges": {"image": "1e999999999"}}, "charges.image must be a number of dollars, from 0 to 1000000"),
        ({"factors": {"flex": 101}}, "factors.flex must be a number from 0 to 100."),
        (
            {"factors": {"standard": 1}},
            "factors.standard is not known; allowed are flex, priority, offpeak, provisioned, batch, other.",
        ),
        ({"models": {"m\x1b[2J\n": 3}}, "models.m?[2J? must be a table"),
        ({"models": {"m": {"free": True}, "models/m": {"free": True}}}, "models.models/m is given twice"),
    ],
)
def test_a_mistake_is_named_in_one_sentence(tmp_path, content, sentence):
    """The sentence has the file, the place and what is allowed."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(content))
    with pytest.raises(PriceFileError) as caught:
        read_price_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert sentence in message
    assert (message[-1], message.count("\n")) == (".", 0)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("prices.json", b"{", "is not valid JSON: "),
        ("prices.toml", b"[models", "is not valid TOML: "),
        ("prices.json", b"\xff\xfe", "is not valid JSON: "),
        ("prices.json", b"[" * 100_000, "is not valid JSON: "),
        ("prices.json", b" " * 262_145, "is longer than 262144 bytes"),
        ("prices.json", b'{"models": {"m": {"input": 1e9999999999999999999, "output": 1}}}', "is not valid JSON: "),
        ("prices.json", b'{"models": {"m": {"input": ' + b"9" * 5000 + b', "output": 1}}}', "is not valid JSON: "),
        ("prices.toml", b"a." * 20_000 + b"a = 1", "is not valid TOML: line 1 has more than"),
        ("prices.toml", b'x = """\n', "is not valid TOML: texts over several lines are not allowed."),
        ("prices.toml", b"x = " + b"[" * 1_900, "is not valid TOML: "),
        ("prices.yaml", b"", "the name of a price file must end in .toml or .json."),
        ("missing.toml", None, "cannot be read (No such file or directory)."),
    ],
)
def test_an_invalid_file_is_one_sentence(tmp_path, name, content, sentence):
    """One sentence replaces the parser's traceback."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PriceFileError) as caught:
        read_price_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert sentence in str(caught.value)


def test_the_documented_example_is_valid(tmp_path):
    """The file in the module's own documentation is valid without a change."""
    path = tmp_path / "prices.toml"
    path.write_text(price_file.__doc__.split("\n\n", 1)[1])
    assert {name for name, _ in read_price_file(path).rates} == {"gemini-2.5-pro", "gemma-3-27b-it"}


def test_charges_and_factors_are_read(tmp_path):
    """Charges apply to every model or to one, service tiers have factors, and a file may state only these."""
    path = tmp_path / "prices.toml"
    path.write_text(
        "[charges]\nimage = 0.05\n[factors]\nflex = 0.4\n"
        "[models.m]\ninput = 1\noutput = 2\n[models.m.charges]\nimage = 0.06\n"
    )
    read = read_price_file(path)
    assert read.charges == {
        ("", "image"): UnitPrice(Decimal("0.05"), "file"),
        ("m", "image"): UnitPrice(Decimal("0.06"), "file"),
    }
    assert read.factors == {"flex": Decimal("0.4")}
    path.write_text("[factors]\nflex = 0.4\n")
    assert read_price_file(path).rates == {}
