"""Promises of :mod:`hydrochat_otel.fleet.totals`: what is kept comes back as it was, and nothing else is believed."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrochat_otel.fleet import totals
from hydrochat_otel.fleet.totals import Record, RecordError
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Exemplar, Family, HistogramPoint, NumberPoint

EXEMPLAR = Exemplar(0.5, 1.5, "a" * 32, "b" * 16)
FAMILIES = (
    Family("calls", "counter", "{call}", "Calls.", "x", "1", (NumberPoint({"model": "m"}, 3, (EXEMPLAR,)),)),
    Family("cost", "counter", "{USD}", "", "x", "", (NumberPoint({}, 0.1 + 0.2),)),
    Family("up", "gauge", "1", "", "y", "", (NumberPoint({}, -math.inf),), additive=True),
    Family(
        "time",
        "histogram",
        "s",
        "",
        "x",
        "",
        (
            HistogramPoint({"a": "1"}, (1.0, 2.0), (1, 2, 3), 9.5, (EXEMPLAR,)),
            HistogramPoint({"a": "2"}, (1.0, 2.0), (0, 0, 0), math.inf),
            HistogramPoint({"a": "3"}, (4.0, math.inf), (0, 1, 0), 5),
        ),
    ),
)
RECORD = Record("m-1", 7, 1_750_000_000.25, {"service.name": "chat"}, FAMILIES, {"2025-06-15": 0.1}, {"m-0": 3})


def test_a_record_comes_back_as_it_was():
    """Values and types, infinite ones included."""
    assert totals.decode(totals.encode(RECORD)) == RECORD


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"{}",
        totals.encode(RECORD)[:-9],
        totals.encode(RECORD).replace(b'"families"', b'"family"'),
        totals.encode(RECORD).replace(b'"edges"', b'"corners"'),
    ],
)
def test_what_is_no_record_is_told(data):
    """Anything else is refused with one error, whatever it is."""
    with pytest.raises(RecordError, match="cannot be read"):
        totals.decode(data)


def test_a_record_of_another_version_is_told():
    """Both versions are named."""
    with pytest.raises(RecordError, match="The record has version 2, this program reads 1"):
        totals.decode(totals.encode(RECORD).replace(b'"v":1', b'"v":2'))


ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(["operation", "gemini", "span"]),
    operation=st.text(),
    duration_s=st.floats(allow_nan=False),
    end_unix_s=st.floats(0, 1e11),
    exceeded_threshold=st.booleans(),
    error=st.none() | st.text(),
    outcome=st.sampled_from(["ok", "error"]),
    trace_id=st.integers(0, 2**128 - 1),
    span_id=st.integers(0, 2**64 - 1),
    parent_span_id=st.integers(0, 2**64 - 1),
    model=st.none() | st.text(),
    tokens=st.none() | st.tuples(*[st.integers(0, 2**53)] * 5),
    cost_usd=st.none() | st.floats(allow_nan=False),
)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry):
    """Every field, ids of 128 bits included."""
    assert totals.decode_entry(totals.encode_entry(entry)) == entry


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[1,2,3]", orjson.dumps(["operation"] * 13)])
def test_what_is_no_entry_is_told(data):
    """Anything else is refused with one error."""
    with pytest.raises(RecordError):
        totals.decode_entry(data)
