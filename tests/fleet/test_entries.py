"""Promises of :mod:`hydrochat_otel.fleet.entries`: an entry is decoded as it was, and invalid ones are refused."""

import math
from typing import get_args

import orjson
import pytest
from hypothesis import given, strategies as st

from hydrochat_otel import semconv
from hydrochat_otel.fleet import entries
from hydrochat_otel.fleet.checks import DecodingError
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry

FIELDS = {
    "kind": st.sampled_from(["operation", "gemini", "result", "span"]),
    "operation": st.text(),
    "duration_s": st.floats(-1e9, 1e9),
    "end_unix_s": st.floats(0, 1e11),
    "exceeded_threshold": st.booleans(),
    "error": st.none() | st.text(),
    "outcome": st.sampled_from(semconv.OUTCOMES),
    "trace_id": st.integers(0, 2**128 - 1),
    "span_id": st.integers(0, 2**64 - 1),
    "parent_span_id": st.integers(0, 2**64 - 1),
    "model": st.none() | st.text(),
    "tokens": st.none() | st.tuples(*[st.integers(0, 2**53)] * 5),
    "cost_usd": st.none() | st.floats(0, 1e9),
    "role": st.none() | st.sampled_from(get_args(semconv.Role)),
    "root_operation": st.none() | st.text(),
    "operation_name": st.none() | st.text(),
    "incomplete": st.booleans(),
    "estimated": st.booleans(),
    "first_token_s": st.none() | st.floats(0, 1e9),
    "attempts": st.none() | st.integers(0, 2**53),
    "retry_wait_s": st.none() | st.floats(0, 1e9),
}
"""Every value that a process writes, by field; what is not named here, hypothesis would make up from the type."""
ENTRY = Entry("operation", "chat.turn", 0.5, 1_750_000_000.0, trace_id=1, span_id=2)


@given(st.builds(Entry, **FIELDS))
def test_an_entry_comes_back_as_it_was(entry):
    """Every field is decoded as it was, ids of 128 bits included."""
    assert entries.decode_entry(entries.encode_entry(entry)) == entry


def test_every_field_has_a_check():
    """A field that is added to an entry is written, read and checked."""
    assert set(entries._CHECKS) == set(FIELDS) == set(Entry._fields)


def altered(**fields):
    return orjson.dumps({**orjson.loads(entries.encode_entry(ENTRY)), **fields})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"[1,2,3]",
        b"\xff",
        b'{"kind":"operation","operation":"\\ud800","duration_s":1,"end_unix_s":1}',
        *(altered(kind=value) for value in ("task", None, 1)),
        *(altered(operation=value) for value in (None, 1, ["x"], "x" * 5000)),
        *(altered(duration_s=value) for value in (None, "1", True, 1e300, math.inf, [])),
        *(altered(end_unix_s=value) for value in (-1, 1e12, None, "now")),
        *(altered(exceeded_threshold=value) for value in (1, "true", None)),
        *(altered(outcome=value) for value in ("fine", None)),
        *(altered(trace_id=value) for value in (1, "", "xyz", "1" * 33, "-1")),
        *(altered(span_id=value) for value in (None, "1" * 17)),
        *(altered(tokens=value) for value in ([1], [1, 2, 3, 4, -5], [1.0] * 5, [True] * 5, [2**60] * 5, {}, 5)),
        *(altered(cost_usd=value) for value in (-0.1, "1", 1e300)),
    ],
)
def test_what_no_process_writes_is_refused(data):
    """Every value has a type and a range; anything else is refused with one error."""
    with pytest.raises(DecodingError):
        entries.decode_entry(data)


def test_an_entry_of_another_version_is_read():
    """A field that this version does not have is ignored, and a missing one has its default."""
    found = entries.decode_entry(altered(colour="red"))
    assert found == ENTRY


@pytest.mark.parametrize("operation", ["\ud800", "x\udfffy"])
def test_a_lone_surrogate_is_written_as_its_escape(operation):
    """A text that no encoding can write does not keep an entry from being published."""
    found = entries.decode_entry(entries.encode_entry(ENTRY._replace(operation=operation)))
    assert found.operation == operation.encode("utf-8", "backslashreplace").decode()


def test_a_refused_entry_is_counted_and_its_reason_logged_once(caplog):
    """The reason names the field; a thousand such entries give one sentence."""
    assert [entries.readable_entry(altered(cost_usd=-1)) for _ in range(1000)] == [None] * 1000
    assert failures.counts() == {"state.record": 1000}
    assert [record.message for record in caplog.records] == [
        "An entry of the shared state is left out: cost_usd is not a number from 0 to 1e+15."
    ]
