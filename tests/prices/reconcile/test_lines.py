"""Promises of :mod:`hydrochat_otel.prices.reconcile.lines`: any file gives a bill or one sentence."""

import csv
import io
import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from prices.reconcile.bills import DAYS, MODELS, SHAPES, metered, read_text

from hydrochat_otel.prices.reconcile.amounts import Amount, BillingError
from hydrochat_otel.prices.reconcile.bill import Span, read
from hydrochat_otel.prices.reconcile.comparison import compare, total
from hydrochat_otel.prices.reconcile.lines import open_bill

HOSTILE = ["1e999999", "NaN", "inf", "9" * 100_000, "1" * 60, "0x10", "１２", "1_000", "--1", "1e-999", "="]  # noqa: RUF001


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("column", ["amount", "cost"])
def test_a_hostile_number_is_one_sentence(value, column):
    """Whatever is in a cell of a number, the error names file and line and is short."""
    cells = {"amount": "1", "cost": "1"} | {column: value}
    text = f"date,sku,tokens,cost\n2025-10-01,gemini-2.5-flash,{cells['amount']},{cells['cost']}\n"
    with pytest.raises(BillingError, match=r"^bill.csv, line 2: .{1,60} is not a number for a ") as caught:
        read_text(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no header with a SKU or model"),
        ("a,b\n" * 100, "has no header with a SKU or model"),
        ("date,sku,tokens\nsoon,gemini-2.5-flash,1\n", "line 2: 'soon' is not a date such as 2025-10-01."),
        ("date,sku,tokens\n9999-12-31T23:59:59-23:00,gemini-2.5-flash,1\n", "is not a date such as"),
        ("date,sku,tokens\n2025-10-01," + "x" * 200_000 + ",1\n", "line 2: this line is not CSV"),
        ("x" * 2_000_000, "has a line of more than 1000000 characters."),
        ('date,sku,tokens,credits\n2025-10-01,gemini-2.5-flash,1,"[1, 2]"\n', "is not a list of credits."),
        ("date,sku,tokens,credits\n2025-10-01,gemini-2.5-flash,1," + "[" * 9000 + "\n", "is not a list of credits."),
        ("date;sku;cost\n2025-10-01;gemini-2.5-flash;0,5\n", "separates its cells by semicolons;"),
        ("date\tsku\tcost\n2025-10-01\tgemini-2.5-flash\t0.5\n", "separates its cells by tabs;"),
        ('date,sku,cost\n2025-10-01,gemini-2.5-flash,"0,5"\n', "line 2: '0,5' is not a number for a cost."),
        ('date,sku,cost\n2025-10-01,gemini-2.5-flash,"0,603"\n', "line 2: '0,603' is not a number for a cost."),
        ('date,sku,cost\n2025-10-01,gemini-2.5-flash,"1.234,50"\n', "line 2: '1.234,50' is not a number for a cost."),
        ("date,sku,tokens,cost\n2025-10-01,gemini-2.5-flash,12", "line 2: this line ends before its last cell;"),
    ],
)
def test_an_invalid_file_is_one_sentence(text, sentence):
    """No header, no date, no CSV, no end: the sentence names what was expected."""
    with pytest.raises(BillingError) as caught:
        read_text(text)
    assert str(caught.value).startswith("bill.csv")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_text_are_one_sentence():
    """A file of Excel or in Latin-1 gives the sentence that it is not UTF-8."""
    text = io.TextIOWrapper(io.BytesIO(b"date,sku,tokens\n2025-10-01,\xe4,1\n"), encoding="utf-8")
    with pytest.raises(BillingError, match=r"^bill.csv is not UTF-8; use the file as Google gives it"):
        read(open_bill(text, "bill.csv"), MODELS)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_any_alteration_of_a_file_is_a_bill_or_a_sentence(name, data):
    """Whatever part of a file is replaced, the result is a bill that can be compared, or one BillingError."""
    text = SHAPES[name][0]
    pieces = st.text(max_size=12) | st.sampled_from(["1e999", '"', ",", "\n", "NaN", "-", "Total", "Tax"])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 40)))
        text = text[:start] + data.draw(pieces) + text[end:]
    try:
        bill = read_text(text, period=Span(*DAYS))
    except BillingError as error:
        sentence = str(error)
    else:
        sentence = str(total(compare(metered(), bill)))
    assert "\n" not in sentence


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=20), max_size=8), max_size=12))
def test_any_table_is_a_bill_or_a_sentence(rows):
    """Cells of any text below any header never raise anything else."""
    text = io.StringIO()
    csv.writer(text).writerows([["date", "sku", "tokens", "cost"], *rows])
    try:
        assert read_text(text.getvalue()).shape == "plain"
    except BillingError as error:
        assert str(error).startswith("bill.csv")  # noqa: PT017 - both outcomes are allowed


class LongFile(io.TextIOBase):
    """A file that is generated while it is read."""

    def __init__(self, lines):
        self.left = lines

    def readline(self, *_):
        self.left -= 1
        return "2025-10-01,Gemini 2.5 Flash Text Input,10,0.5\n" if self.left >= 0 else ""


def test_a_file_of_any_size_streams():
    """Twenty thousand lines of one day and model take the memory of one line."""
    file = LongFile(20_000)
    head = iter(["date,sku,tokens,cost\n"])
    lines = file.readline
    file.readline = lambda *_: next(head, "") or lines()
    tracemalloc.start()
    bill = read(open_bill(file, "bill.csv"), MODELS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (charged,) = bill.charged.values()
    assert charged.amount == Amount(200_000, Decimal(10_000))
    assert peak < 2_000_000
