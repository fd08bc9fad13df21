"""Promises of :mod:`hydrochat_otel.fleet.totals`: totals are decoded as they were, and invalid ones are refused."""

import math

import orjson
import pytest

from hydrochat_otel import semconv
from hydrochat_otel.fleet.checks import DecodingError
from hydrochat_otel.fleet.totals import Totals, decode_totals, encode_totals, readable_totals
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.days import DayCounts, DayKey
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
TOTALS = Totals(
    "m-1",
    7,
    1_750_000_000.25,
    {"service.name": "chat"},
    FAMILIES,
    {DayKey("UTC", "2025-06-15", "m", "ok"): DayCounts(calls=1, cost_usd=0.1)},
    {"m-0": 3},
)


def test_totals_come_back_as_they_were():
    """Values and types are decoded as they were, infinite ones included."""
    assert decode_totals(encode_totals(TOTALS)) == TOTALS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"{}",
        encode_totals(TOTALS)[:-9],
        encode_totals(TOTALS).replace(b'"families"', b'"family"'),
        encode_totals(TOTALS).replace(b'"edges"', b'"corners"'),
    ],
)
def test_other_bytes_are_refused(data):
    """Anything else is refused with one error."""
    with pytest.raises(DecodingError):
        decode_totals(data)


def test_totals_of_another_version_are_refused():
    """The error names both versions."""
    with pytest.raises(DecodingError, match="have version 2; this program reads 1"):
        decode_totals(encode_totals(TOTALS).replace(b'"v":1', b'"v":2'))


def altered(change):
    """Return the bytes of the totals after a change to their JSON."""
    raw = orjson.loads(encode_totals(TOTALS))
    change(raw)
    return orjson.dumps(raw)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("member", (None, 1, [])),
        ("seq", (-1, 1.5, "1", True, 2**60)),
        ("unix_s", (None, "now", -1, 1e12)),
        ("resource", ([], {"a": 1}, {"a": None}, None)),
        (
            "days",
            ([], {"2025-06-15": -1}, {"2025-06-15": "1"}, {"today": 1}, {"2025-06-15": 1e300}),
        ),
        ("merged", ([], {"a": -1}, {"a": "1"})),
        ("families", (None, {}, 1)),
        ("edges", (None, {}, [[2, 1]], [["nan"]], [None], [["x"]])),
    ],
)
def test_a_value_of_another_type_or_range_is_refused(key, values):
    """Every value that another process wrote is checked."""
    for value in values:
        with pytest.raises(DecodingError):
            decode_totals(altered(lambda raw, value=value: raw.update({key: value})))


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ((0,), (None, 1, "")),
        ((1,), ("sum", None, "gauge ")),
        ((2,), (None, 1)),
        ((6,), (None, 1)),
        ((7,), (None, {}, [1], [[]])),
        ((7, 0, 0), (None, [], {"a": 1})),
        ((7, 0, 1), (None, -1, "nan", "ten", True, [])),
        ((7, 0, 2), (None, [1], [[1, 2, "x", "y"]], [[None, 1, "a", "b"]], [[1, -1, "a", "b"]])),
    ],
)
def test_a_metric_that_fails_the_checks_is_left_out_and_named(place, values, caplog):
    """The other metrics of the member stay; what is wrong is counted and logged."""
    for value in values:

        def change(raw, value=value):
            at = raw["families"][0]
            for index in place[:-1]:
                at = at[index]
            at[place[-1]] = value

        assert [family.name for family in decode_totals(altered(change)).families] == ["cost", "up", "time"]
    assert failures.counts() == {"state.record": len(values)}
    assert "of a member is left out: " in caplog.text


def test_a_histogram_that_does_not_fit_its_edges_is_left_out():
    """Counts are whole, not negative, and one more than the edges, which exist."""
    for index, value in ((1, 99), (1, -1), (1, None), (2, [1, 2]), (2, [1, 2, -3]), (2, [1, 2, 3.5]), (3, "much")):
        data = altered(lambda raw, index=index, value=value: raw["families"][3][7][0].__setitem__(index, value))
        assert [family.name for family in decode_totals(data).families] == ["calls", "cost", "up"]


def test_a_metric_of_ours_is_of_its_kind_and_finite():
    """A member that claims another kind, or an infinite sum, for one of our metrics is refused."""
    spec = semconv.LLM_CALLS
    for kind, value in (("gauge", 1), ("counter", math.inf), ("counter", 1e300)):
        family = Family(spec.name, kind, spec.unit, "", semconv.SCOPE, "", (NumberPoint({}, value),))
        assert decode_totals(encode_totals(TOTALS._replace(families=(family,)))).families == ()


def test_a_series_that_occurs_twice_is_refused():
    """Two series of the same attributes would make a scrape that Prometheus refuses."""
    data = altered(lambda raw: raw["families"][0][7].append(raw["families"][0][7][0]))
    assert [family.name for family in decode_totals(data).families] == ["cost", "up", "time"]


def test_totals_under_another_members_key_are_left_out():
    """A member cannot be counted twice under two names."""
    assert readable_totals(encode_totals(TOTALS), "m-2") is None
    assert readable_totals(encode_totals(TOTALS), "m-1") == TOTALS
    assert failures.counts() == {"state.record": 1}


def test_values_that_no_encoding_can_write_do_not_stop_publishing():
    """Lone surrogates become escapes, whole numbers beyond 64 bits become doubles."""
    family = Family("files", "counter", "1", "", "x", "", (NumberPoint({"file": "a\udcff"}, 2**70),))
    totals = TOTALS._replace(resource={"host.name": "caf\udce9"}, families=(family,))
    read = decode_totals(encode_totals(totals))
    assert read.resource == {"host.name": "caf\\udce9"}
    assert read.families[0].points == (NumberPoint({"file": "a\\udcff"}, 2.0**70),)
