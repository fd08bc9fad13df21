"""Promises of :mod:`hydrochat_otel.views.formats`."""

import json
from datetime import UTC, datetime, timedelta
from math import inf, nan

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from hydrochat_otel.runtime import failures
from hydrochat_otel.views import formats
from hydrochat_otel.window import moments

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]))
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=[])), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\U0001f600", "\U0001f600"),
        (2**63 - 1, 2**63 - 1),
        (2**64, float(2**64)),
        (-(2**200), -float(2**200)),
        (10**400, None),
        (inf, None),
        (object(), None),
    ],
)
def test_only_a_value_that_json_cannot_represent_changes(value, written):
    """Other values are written unchanged, and the document stays readable."""
    body = formats.encoded({"bad": [{"deep": value}], "good": 0.1})
    assert json.loads(body) == {"bad": [{"deep": written}], "good": 0.1}


def test_a_changed_value_is_counted():
    """Each document that had to be changed counts once; one that is fine does not."""
    formats.encoded({"fine": 1})
    assert failures.counts() == {}
    formats.encoded({"bad": "\udc80", "worse": 2**64})
    assert failures.counts() == {"json.value": 1}


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), ANYTHING))
def test_every_document_becomes_json(document):
    """Whatever is in a document, the result is JSON in UTF-8 with the same number of keys or fewer."""
    read = orjson.loads(formats.encoded(document))
    assert len(read) <= len(document)


def test_a_document_that_contains_itself_ends():
    """A cycle loses only what is below it."""
    cycle = {"n": 1}
    cycle["self"] = cycle
    assert orjson.loads(formats.encoded(cycle))["n"] == 1


@pytest.mark.parametrize(
    ("unix_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000+00:00"),
        (1_750_000_000.25, "2025-06-15T15:06:40.250000+00:00"),
        (-1.5, "1969-12-31T23:59:58.500000+00:00"),
        (1e300, "9999-12-31T23:59:59.999999+00:00"),
        (-inf, "0001-01-01T00:00:00.000000+00:00"),
        (nan, "1970-01-01T00:00:00.000000+00:00"),
    ],
)
def test_time_stamps_have_one_length(unix_s, text):
    """Any number becomes a time stamp of 32 characters within the calendar."""
    assert formats.utc(unix_s) == text


@pytest.mark.parametrize(
    ("amount", "shown"), [(0.1 + 0.2, 0.3), (1e-12, 1e-12), (inf, None), (nan, None), (None, None)]
)
def test_dollars_are_the_same_number_everywhere(amount, shown):
    """Rounding errors of sums disappear, and an unknown amount is null."""
    assert formats.usd(amount) == shown


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_a_moment_is_written_as_the_standard_library_writes_it(end_us):
    """Each microsecond of Python's calendar is ISO 8601 in UTC with six decimals, as `isoformat` writes it."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=end_us)
    assert formats.utc_of(end_us) == moment.isoformat(timespec="microseconds")


@given(st.lists(st.floats()))
def test_many_times_are_rounded_like_single_ones(unix_s):
    """Times that are converted together are the same whole microseconds and milliseconds, odd ones included."""
    assert moments.all_microseconds(unix_s) == [moments.microseconds(one) for one in unix_s]
    assert formats.all_milliseconds(unix_s) == [formats.milliseconds(one) for one in unix_s]
