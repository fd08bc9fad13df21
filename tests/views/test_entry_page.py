"""Promises of :mod:`hydrochat_otel.views.entry_page`."""

import random
from math import inf, nan

import orjson
import pytest

from hydrochat_otel.views import entry_page, formats
from hydrochat_otel.views.entry_page import Cursor, Filter
from hydrochat_otel.window import moments
from hydrochat_otel.window.entry import Entry

NOW_S = 1_750_000_000.0


def shown_page(entries, asked):
    return orjson.loads(formats.encoded(entry_page.page(entries, asked)))


def walked(entries, limit, **shown):
    """Return the span ids of all pages, in the order in which they are listed."""
    found, cursor = [], None
    while True:
        asked = Filter(entries=True, limit=limit, cursor=cursor, **shown)
        page = shown_page(asked(entries), asked)
        found += [int(row["span_id"], 16) for row in page["entries"]]
        if page["page"]["next_cursor"] is None:
            return found
        assert len(page["entries"]) == limit
        cursor = Cursor.read(page["page"]["next_cursor"])


@pytest.mark.parametrize("spread_s", [0.0, 1e-7, 1e-6, 1e-3, 60.0])
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_the_pages_list_every_entry_once_and_the_newest_first(spread_s, limit):
    """However close the ends are and however late an entry arrived, the pages are the whole window in one order."""
    chance = random.Random(f"{spread_s} {limit}")
    ends = [NOW_S + spread_s * chance.random() * number for number in range(240)]
    entries = [Entry("span", "a", 0.1, end, trace_id=1, span_id=chance.getrandbits(60) + 1) for end in ends]
    expected = sorted(entries, key=lambda one: (moments.microseconds(one.end_unix_s), one.span_id), reverse=True)
    assert walked(tuple(entries), limit) == [one.span_id for one in expected]
    newer = [one.span_id for one in expected if one.end_unix_s >= ends[120]]
    assert walked(tuple(entries), limit, since_unix_s=ends[120]) == newer


def test_entries_without_a_valid_end_are_listed_last():
    """An end that is NaN, or before the epoch, is among the oldest; one that is infinite is the newest."""
    ends = [NOW_S, nan, inf, -5.0, -inf, NOW_S + 1]
    entries = tuple(Entry("span", "a", 0.1, end, trace_id=1, span_id=number) for number, end in enumerate(ends))
    rows = shown_page(entries, Filter(entries=True, limit=6))["entries"]
    assert [int(row["span_id"], 16) for row in rows[:3]] == [2, 5, 0]
    assert {int(row["span_id"], 16) for row in rows[3:]} == {1, 3, 4}
    assert walked(entries, 1) == [int(row["span_id"], 16) for row in rows]
