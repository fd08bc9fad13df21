"""Promises of :mod:`hydrochat_otel.views.turns`."""

import pytest
from hypothesis import given, strategies as st

from hydrochat_otel.views import turns
from hydrochat_otel.views.turns import Search
from hydrochat_otel.window.entry import Entry

NOW_S = 1_760_000_000.0


def operation(name, span, parent=0, *, trace=1, took_s=1.0, end_s=NOW_S, **fields):
    ids = {"trace_id": trace, "span_id": span, "parent_span_id": parent}
    return Entry("operation", name, took_s, end_s, **ids, **fields)


def call(span, parent, *, trace=1, took_s=0.5, end_s=NOW_S, cost_usd=0.01, model="flash", name="generate_content"):
    return Entry(
        "gemini", name, took_s, end_s, trace_id=trace, span_id=span, parent_span_id=parent, model=model,
        tokens=(100, 0, 0, 20, 0), cost_usd=cost_usd,
    )  # fmt: skip


def names(found):
    return [(turn.root.operation, sorted(entry.operation for entry in turn.inside)) for turn in found]


def test_a_turn_is_the_outermost_operation_with_everything_inside():
    """Steps and calls belong to the operation that no other retained one surrounds, at any depth."""
    window = [call(4, 3), operation("inner", 3, 2), operation("step", 2, 1), operation("turn", 1)]
    assert names(turns.collect(window)) == [("turn", ["generate_content", "inner", "step"])]


def test_spans_in_between_that_were_not_kept():
    """Where the parent was not kept, the shortest operation of the trace that was under way takes the entry in."""
    window = [
        call(9, 77, end_s=NOW_S - 0.2, took_s=0.3),
        operation("step", 2, 66, took_s=0.6, end_s=NOW_S - 0.1),
        operation("turn", 1, 55, took_s=2.0),
    ]
    [turn] = turns.collect(window)
    rows = turns.waterfall([turn], turn.id)["rows"]
    assert [(row["name"], row["depth"]) for row in rows] == [("turn", 0), ("step", 1), ("generate_content", 2)]


def test_traces_are_kept_apart():
    """The same span ids in another trace are another turn; entries without a trace are turns of their own."""
    window = [operation("a", 1), operation("b", 1, trace=2), operation("c", 0, trace=0), operation("d", 0, trace=0)]
    assert [name for name, _ in names(turns.collect(window))] == ["a", "b", "c", "d"]
    assert len({turn.id for turn in turns.collect(window)}) == 3  # two without ids that ended in the same microsecond


def test_a_call_outside_of_all_operations():
    """A call that no operation surrounds is a turn, and its cost is not lost."""
    [turn] = turns.collect([call(1, 0)])
    shown = turns.document([turn], Search(), unix_s=NOW_S)["turns"][0]
    assert (shown["operation"], shown["kind"]) == ("generate_content", "gemini")
    assert (shown["calls"], shown["cost_usd"]) == (1, 0.01)


def test_other_libraries_spans_are_rows_and_no_turns():
    """A kept span of another library is shown inside its turn, and begins none."""
    other = Entry("span", "GET", 0.2, NOW_S, trace_id=1, span_id=7, parent_span_id=1)
    assert names(turns.collect([other, operation("turn", 1)])) == [("turn", ["GET"])]
    assert turns.collect([other]) == []


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (Search(), ["dear", "failed", "slow", "quick"]),
        (Search(operation="slow"), ["slow"]),
        (Search(condition="slow"), ["slow"]),
        (Search(condition="failed"), ["failed"]),
        (Search(condition="error"), ["failed"]),
        (Search(condition="ok"), ["dear", "slow", "quick"]),
        (Search(model="pro"), ["dear"]),
        (Search(min_duration_s=2.0), ["slow"]),
        (Search(min_cost_usd=0.01), ["dear"]),
        (Search(since_unix_s=NOW_S - 1), ["dear", "failed"]),
        (Search(limit=1), ["dear"]),
        (Search(operation="slow", condition="failed"), []),
    ],
)
def test_turns_are_searched(search, found):
    """Operation, outcome, model, duration, cost and time restrict the list, all together; the newest is first."""
    window = [
        operation("quick", 1, trace=1, end_s=NOW_S - 3),
        operation("slow", 1, trace=2, end_s=NOW_S - 2, took_s=3.0, exceeded_threshold=True),
        operation("failed", 1, trace=3, end_s=NOW_S - 1, error="ValueError", outcome="error"),
        call(2, 1, trace=4, model="pro", cost_usd=0.3),
        call(3, 1, trace=1, cost_usd=None, end_s=NOW_S - 3),
        operation("dear", 1, trace=4),
    ]
    document = turns.document(turns.collect(window), search, unix_s=NOW_S)
    assert [turn["operation"] for turn in document["turns"]] == found
    assert (document["retained"], document["models"]) == (4, ["flash", "pro"])


def test_what_is_unknown_is_null():
    """A cost is null if no call has one, and the calls without one are counted; counting tokens is no call."""
    window = [call(2, 1, cost_usd=None), call(3, 1, cost_usd=None, name="count_tokens"), operation("turn", 1)]
    [turn] = turns.document(turns.collect(window), Search(), unix_s=NOW_S)["turns"]
    assert (turn["calls"], turn["cost_usd"], turn["unpriced_calls"], turn["trace_url"]) == (1, None, 1, None)


def test_a_link_to_the_trace():
    """The template's place is filled with the trace's id in hexadecimal."""
    found = turns.collect([operation("turn", 1, trace=0xABC)])
    shown = turns.waterfall(found, found[0].id, "https://t.example/{trace_id}?x=1")
    assert shown["trace_url"] == f"https://t.example/{0xABC:032x}?x=1"


def test_a_turn_that_is_not_retained():
    """An id that is not in the window gives nothing."""
    assert turns.waterfall(turns.collect([operation("turn", 1)]), "1-2-3") is None


def test_a_waterfall_is_bounded():
    """A turn with thousands of entries lists the first 500 rows and says how many it leaves out."""
    window = [*(call(10 + number, 1) for number in range(800)), operation("turn", 1)]
    [turn] = turns.collect(window)
    shown = turns.waterfall([turn], turn.id)
    assert (len(shown["rows"]), shown["rows_omitted"]) == (turns.MAX_ROWS, 301)


IDS = st.integers(0, 4)


@given(
    st.lists(
        st.builds(
            Entry,
            st.sampled_from(["operation", "gemini", "span"]),
            st.just("x"),
            st.floats(0, 5),
            st.floats(NOW_S - 5, NOW_S),
            trace_id=IDS,
            span_id=IDS,
            parent_span_id=IDS,
        ),
        max_size=12,
    )
)
def test_no_entry_is_in_two_turns_and_none_breaks_the_list(window):
    """Whatever the ids are, circles included: it ends, no entry is listed twice, and every row has a depth."""
    found = turns.collect(window)
    everything = [id(entry) for turn in found for entry in (turn.root, *turn.inside)]
    assert len(everything) == len(set(everything))
    for turn in found:
        rows = turns.waterfall([turn], turn.id)["rows"]
        assert rows[0]["depth"] == 0
        assert len(rows) <= 1 + len(turn.inside)
