"""Promises of the newest page: it follows the window, and shows what a page that is made from everything shows."""

import random
from math import inf, nan

import orjson
import pytest

from hydrochat_otel.runtime import failures
from hydrochat_otel.views import entry_page, entry_rows, formats, json_export
from hydrochat_otel.views.entry_page import Cursor, Filter
from hydrochat_otel.window import digest, latest, moments
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Retention, Snapshot
from hydrochat_otel.window.store import MetricsStore

NOW_S = 1_750_000_000.0


def place(entry):
    return max(0, moments.microseconds(entry.end_unix_s)), entry.span_id


def expected(entries, limit, *, cursor=None):
    """Return the page as if nothing was known of the window: all entries are sorted and rendered."""
    ascending = sorted(entries, key=place)
    end = len(ascending)
    if cursor is not None:
        at = (cursor.end_us, cursor.span_id)
        below, upto = (sum(side(place(one), at) for one in ascending) for side in (tuple.__lt__, tuple.__le__))
        end = max(below, upto - cursor.shown)
    start = max(0, end - limit)
    upto = sum(place(one) <= place(ascending[start]) for one in ascending) if ascending else 0
    rows = []
    for entry in ascending[start:end][::-1]:
        row = entry.as_dict(formats.utc(entry.end_unix_s)) | {"duration": formats.finite(entry.duration_s)}
        if entry.is_billed:
            row["cost_usd"] = formats.usd(entry.cost_usd)
        rows.append(row)
    return {
        "entries": rows,
        "page": {
            "limit": limit,
            "matching": len(entries),
            "next_cursor": str(Cursor(*place(ascending[start]), upto - start)) if start else None,
        },
    }


def an_entry(chance, end_s, span_ids):
    kind = chance.choice(["operation", "operation", "gemini", "result", "tool", "span"])
    called = kind in {"gemini", "result"}
    return Entry(
        kind,
        chance.choice(["a", "b", 'on "%b" \\ %s', "\ud800 %"]),
        chance.choice([0.25, chance.random() * 10.0 ** chance.randrange(-9, 20), inf, nan]),
        end_s,
        chance.random() < 0.2,
        chance.choice([None, "ValueError"]),
        trace_id=chance.choice([0, 2**128, chance.getrandbits(128), chance.getrandbits(60)]),
        span_id=span_ids(),
        parent_span_id=chance.choice([0, 7]),
        model="m" if called else None,
        tokens=(1, 2, 3, 4, 5) if called and chance.random() < 0.8 else None,
        cost_usd=chance.choice([None, 0.1 + 0.2]) if called else None,
        role=chance.choice(["root", "step", None]) if kind == "operation" else None,
        root_operation=chance.choice([None, "a", "100 %"]),
    )


def is_as_expected(entries, limit):
    asked = Filter(entries=True, limit=limit)
    return formats.encoded(entry_page.page(entries, asked)) == formats.encoded(expected(entries, limit))


def shown_rows(entries):
    return orjson.loads(formats.encoded(entry_page.page(entries, Filter(entries=True))))["entries"]


@pytest.mark.parametrize("seed", range(25))
def test_the_newest_page_of_random_states(seed):
    """In windows of all sizes, while entries arrive in and out of order, expire and are removed, all bytes are equal.

    Each of the 25 windows is in 20 states; the pages after the first one, filters and the whole export are as if the
    newest page had not been looked at.
    """
    chance = random.Random(seed)
    clock = [1000.0]
    store = MetricsStore(max_entries=chance.choice([5, 100, 130, 400, 1500]), ttl_hours=1.0, monotonic=lambda: clock[0])
    spread_s = chance.choice([0.0, 1e-6, 1e-3, 5.0])
    span_ids = chance.choice([lambda: chance.getrandbits(64), lambda: chance.randrange(3)])
    limits = [chance.choice([1, 7, 100, latest.MOST, latest.MOST + 1])] if seed % 2 else [1, 50, 100, 128, 300]
    for number in range(20):
        for _ in range(chance.choice([0, 1, 20, 20, 150, 600])):
            end_s = clock[0] + NOW_S + spread_s * chance.random()
            clock[0] += spread_s * chance.random()
            odd = chance.random()
            end_s = chance.choice([nan, inf, -inf, -5.0]) if odd < 0.002 else end_s - 600 * (odd > 0.97)
            entry = an_entry(chance, end_s, span_ids)
            if odd > 0.99:
                store.insert(entry, 300.0)
            else:
                store.append(entry)
        if chance.random() < 0.1:
            store.remove(lambda one: one.operation == "b")
        if chance.random() < 0.1:
            clock[0] += 1800
        contents = store.contents()
        entries = contents.entries
        for limit in limits:
            assert is_as_expected(entries, limit), (number, limit, len(entries))
        retention = Retention(contents.max_entries, contents.ttl_hours, len(entries), 0.0)
        snapshot = Snapshot(NOW_S, {}, (), entries, retention)
        first = Filter(entries=True, limit=limits[0])
        known = json_export.render(snapshot, first)
        cursor = entry_page.page(entries, first)["page"]["next_cursor"]
        if cursor is not None:
            after = Filter(entries=True, limit=limits[-1], cursor=Cursor.read(cursor))
            wanted = expected(entries, limits[-1], cursor=after.cursor)
            assert formats.encoded(entry_page.page(entries, after)) == formats.encoded(wanted)
        some = Filter(entries=True, operation="a", limit=limits[0])
        matching = some(entries)
        assert formats.encoded(entry_page.page(matching, some)) == formats.encoded(expected(matching, limits[0]))
        if chance.random() < 0.2:
            digest.forget()
            assert json_export.render(snapshot, first) == known


def test_rows_of_the_newest_page_are_made_once(monkeypatch):
    """Between two pages only the rows of new entries are made; a page of another kind does not displace them."""
    made = []
    original = entry_rows.written
    monkeypatch.setattr(entry_rows, "written", lambda *of: made.append(of) or original(*of))
    store = MetricsStore(max_entries=1000)
    for number in range(900):
        store.append(Entry("span", "a", 0.1, NOW_S + number, trace_id=1, span_id=number + 1))
    newest = Filter(entries=True)
    entry_page.page(store.contents().entries, newest)
    assert len(made) == 100
    for number in range(900, 1100, 20):
        made.clear()
        store.extend(
            Entry("span", "a", 0.1, NOW_S + one, trace_id=1, span_id=one + 1) for one in range(number, number + 20)
        )
        rows = shown_rows(store.contents().entries)
        assert [int(row["span_id"], 16) for row in rows] == list(range(number + 20, number - 80, -1))
        assert len(made) == 20
        entry_page.page(store.contents().entries, Filter(entries=True, limit=5, cursor=Cursor(2**60, 5)))


def test_an_entry_that_cannot_be_rendered_is_counted_each_time():
    """What is left out of a page is counted with each page, and the others are shown."""
    store = MetricsStore(max_entries=10)
    store.append(Entry("span", "a", "x", NOW_S, span_id=1))
    store.append(Entry("span", "a", 0.1, NOW_S, span_id=2))
    for number in range(1, 4):
        assert len(shown_rows(store.contents().entries)) == 1
        assert failures.counts() == {"json.entry": number}


def test_rows_stay_in_a_document_with_an_invalid_value():
    """A value that JSON cannot represent changes nothing but itself."""
    store = MetricsStore(max_entries=10)
    store.append(Entry("operation", "a", 0.1, NOW_S, trace_id=1, span_id=1))
    page = entry_page.page(store.contents().entries, Filter(entries=True))
    assert orjson.loads(formats.encoded(page | {"odd": "\ud800"})) == orjson.loads(formats.encoded(page)) | {
        "odd": "\ufffd"
    }


def test_an_entry_without_an_end_hides_nothing_that_leaves():
    """Entries that leave together with one whose end is NaN are in no later page."""
    store = MetricsStore(max_entries=300)
    store.append(Entry("span", "leaves", 0.1, nan))
    for number in range(299):
        store.append(Entry("span", "leaves" if number > 280 else "stays", 0.1, NOW_S + number, span_id=number))
    assert shown_rows(store.contents().entries)[0]["operation"] == "leaves"
    store.remove(lambda one: one.operation == "leaves")
    rows = shown_rows(store.contents().entries)
    assert [row["operation"] for row in rows] == ["stays"] * 100
