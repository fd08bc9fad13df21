"""Promises of :mod:`hydrochat_otel.window.packed` and of the window's sequence of entries."""

import math
import random
from operator import is_

import pytest

from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation, OperationLabels
from hydrochat_otel.window import columns, differences, digest, packed
from hydrochat_otel.window.entries import Entries
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.packed import Packed, Plain, run_of
from hydrochat_otel.window.store import MetricsStore

NOW_S = 1_750_000_000.0
CALL = Entry(
    *("gemini", "generate_content", 0.25, NOW_S, False, "429", "error", 2**128 - 1, 2**64 - 1, 7, "gemini-2.5-flash"),
    *((1, 2, 3, 4, 2**53), 0.5, None, "turn", "ask", True, True, 0.1, 3, 1.5),
)
ENTRIES = [
    CALL,
    CALL._replace(tokens=None, cost_usd=None),
    CALL._replace(first_token_s=None, attempts=None, retry_wait_s=None, cost_usd=-0.0),
    Entry("operation", "turn", 1.5, NOW_S, True, role="root", root_operation="turn", trace_id=1, span_id=2),
    Entry("operation", "turn", 5e-324, -1.0, role="step", root_operation="turn"),
    Entry("span", "GET /x", -0.5, 0.0, error="ValueError", outcome="error", parent_span_id=9),
    Entry("result", "batch_result", 0.0, NOW_S, tokens=(0, 0, 0, 0, 0), cost_usd=math.inf),
]
ODD = {
    "a whole number of seconds": CALL._replace(duration_s=2),
    "no duration": CALL._replace(duration_s=math.nan),
    "no end": CALL._replace(end_unix_s=math.inf),
    "a long id": CALL._replace(trace_id=2**128),
    "an id below zero": CALL._replace(span_id=-1),
    "many tokens": CALL._replace(tokens=(2**60, 0, 0, 0, 0)),
    "other buckets": CALL._replace(tokens=(1, 2)),
    "a cost that is no number": CALL._replace(cost_usd=math.nan),
    "a whole cost": CALL._replace(cost_usd=1),
    "half an attempt": CALL._replace(attempts=0.5),
    "labels without a hash": CALL._replace(model=["a"]),
}


def aged(entries):
    return [(float(place), entry) for place, entry in enumerate(entries)]


def exactly(entries):
    """Return the entries with the types of their values, in which equal numbers can differ."""
    return [(type(entry), *((type(value), repr(value)) for value in entry)) for entry in entries]


def test_a_packed_run_gives_back_what_it_got():
    """Every kind of entry is read as it was, in value and type, whole or in part, with the moments of birth."""
    kept = aged(ENTRIES * 30)
    run = run_of(*zip(*kept, strict=True))
    assert isinstance(run, Packed)
    assert (len(run), run.number_of_entries(7, 209)) == (210, 202)
    assert list(run.born) == [born_s for born_s, _ in kept]
    assert exactly(run.held(3)) == exactly((ENTRIES * 30)[3:])
    for first, last in ((0, 210), (3, 11), (209, 210), (5, 5)):
        assert exactly(run.entries(first, last)) == exactly((ENTRIES * 30)[first:last])


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_columns_would_change_stays_as_it_is(odd):
    """A run with a value that columns cannot hold exactly, or of the application's own, keeps the objects."""
    for one in (odd, {"operation": "own"}):
        kept = aged([*ENTRIES, one])
        run = run_of(*zip(*kept, strict=True))
        assert isinstance(run, Plain)
        assert all(mine is theirs for mine, (_, theirs) in zip(run.held(0), kept, strict=True))
        assert len(run.entries(0, 8)) == run.number_of_entries(0, 8) == 7 + isinstance(one, Entry)


def a_record(number, *, exceeded=False):
    """Return an operation whose entry is not made yet."""
    ended = Ended(0.5, 1_750_000_000_000_000_000 + number, "ok", None, 2**100 + number, 5 + number, 3, True, True)
    return FinishedOperation(*ended, OperationLabels(None, f"turn {number % 3}", "root", "ask"), exceeded)


@pytest.mark.parametrize("others", [[], ENTRIES, [ENTRIES[3]._replace(duration_s=2)], [{"operation": "own"}]])
def test_work_whose_entry_is_not_made_is_packed_as_its_entry(others):
    """Records alone and among entries give the entries that they would have made, also if columns cannot hold one."""
    held = [a_record(number, exceeded=number % 2 > 0) for number in range(8)]
    for place, one in enumerate(others):
        held.insert(3 * place, one)
    run = run_of([0.0] * len(held), held)
    assert isinstance(run, Packed) == (not others or others is ENTRIES)
    made = [one if isinstance(one, Entry) else one.entry() for one in held if not isinstance(one, dict)]
    assert exactly(run.entries(0, len(held))) == exactly(made)


def as_lists(columns):
    return [list(column) for column in columns]


@pytest.mark.parametrize(
    "mixed", [ENTRIES, ENTRIES[3:5], ENTRIES[:3], ENTRIES[5:6]], ids=["all", "work", "calls", "spans"]
)
def test_columns_are_those_of_the_entries(mixed):
    """Views read of a packed run, from any place on, the operations, calls and ends that its entries have."""
    for first, last in ((0, 240), (5, 240), (200, 230), (7, 7)):
        entries = (mixed * 240)[first:last]
        run = run_of([0.0] * 240, (mixed * 240)[:240])
        assert isinstance(run, Packed)
        for one in (run, Plain([0.0] * 240, (mixed * 240)[:240])):
            found = one.operations(first, last)
            assert as_lists(found) == as_lists(columns.operations(entries))
            assert (one.calls(first, last), list(one.ends(first, last))) == (
                [entry for entry in entries if entry.kind in {"gemini", "result"}],
                [entry.end_unix_s for entry in entries],
            )


def test_labels_are_bounded(monkeypatch):
    """Labels that never come again do not pile up beside the runs."""
    monkeypatch.setattr(packed, "_MAX_KNOWN", 10)
    for number in range(40):
        assert run_of([0.0], [CALL._replace(operation=f"o{number}")]).entries(0, 1)[0].operation == f"o{number}"
        assert len(packed._known) <= 10


def a_store(number, **arguments):
    store = MetricsStore(max_entries=5000, **arguments)
    store.extend(ENTRIES[number % 7]._replace(span_id=number, end_unix_s=NOW_S + number) for number in range(number))
    return store


def test_a_large_window_is_a_sequence():
    """Length, order, parts, membership and equality of a window in runs are those of a tuple."""
    store = a_store(3000)
    entries = store.contents().entries
    assert isinstance(entries, Entries)
    plain = tuple(entries)
    assert exactly(store.live_entries()) == exactly(plain)
    assert [one.span_id for one in plain] == list(range(3000))
    assert len(entries) == 3000
    assert (entries[0], entries[-1], entries[2:1700:3]) == (plain[0], plain[-1], plain[2:1700:3])
    assert tuple(reversed(entries)) == plain[::-1]
    assert plain[17] in entries
    assert all(mine is theirs for mine, theirs in zip(entries, plain, strict=True))
    assert entries == plain
    assert entries == store.contents().entries
    assert entries != plain[:-1]
    assert not isinstance(a_store(packed.LENGTH - 1).contents().entries, Entries)


def test_a_window_of_thousands_is_small():
    """Packed entries take less than a quarter of the memory of the objects."""
    held = run_of([0.0] * packed.LENGTH, ENTRIES[3:4] * packed.LENGTH)
    size = sum(getattr(held, name).__sizeof__() for name in Packed.__slots__)
    assert size < packed.LENGTH * (ENTRIES[3].__sizeof__() + 4 * 24) / 4


@pytest.mark.parametrize("seed", range(5))
def test_sums_follow_a_large_window(seed, clock):
    """While runs are packed, leave, and take in late entries, differences and sums are those of plain tuples."""
    chance = random.Random(seed)
    store = MetricsStore(max_entries=2500, monotonic=clock.monotonic, wall=clock.wall)
    number, before, followed = 0, None, 0
    for _ in range(25):
        clock.advance(1)
        made = [ENTRIES[3]._replace(span_id=number + place, duration_s=chance.random()) for place in range(200)]
        number += 200
        store.extend(made)
        if chance.random() < 0.3:
            store.insert(ENTRIES[3]._replace(span_id=10**6 + number), chance.choice([0.0, 1.5, 5.0, 10**4]))
        after = store.contents().entries
        if before is not None and (found := differences.between(before, after)) is not None:
            removed = set(found.removed)
            left = [one for one in before if one not in removed]
            assert sorted([*left, *found.added]) == sorted(after)
            followed += 1
        durations = [one.duration_s for one in after]
        assert digest.headline(after) == (len(after), math.fsum(durations) / len(after), max(durations), len(after))
        before = after
    assert followed > 10


def test_an_entry_is_made_once_when_something_reads_it(clock):
    """Readings between which nothing is packed have the same object, and it replaces the record; packing equals it."""
    store = MetricsStore(monotonic=clock.monotonic, wall=clock.wall)
    store.extend(a_record(number) for number in range(packed.LENGTH - 1))
    first, second = (store.contents().entries for _ in range(2))
    assert all(map(is_, first, second))
    assert set(map(type, store._body.held)) == {Entry}
    store.extend([a_record(packed.LENGTH - 1)])
    assert store._body.held == []
    assert exactly(store.contents().entries) == exactly(a_record(number).entry() for number in range(packed.LENGTH))


def runs_of(store):
    return [type(run) for run in store._body._runs]


def test_a_run_is_packed_again_after_late_ones(clock):
    """Late ones come to their place in a packed run, which is unpacked only until the next run is packed."""
    store = MetricsStore(monotonic=clock.monotonic, wall=clock.wall)
    numbers = iter(range(10_000))

    def arrive():
        for _ in range(packed.LENGTH):
            clock.advance(1)
            store.append(a_record(next(numbers)).entry())

    arrive()
    arrive()
    late = [a_record(5000 + place).entry() for place in range(3)]
    for one in late:
        store.insert(one, 1.5 * packed.LENGTH)
    assert runs_of(store) == [Plain, Packed]
    assert [store.live_entries()[packed.LENGTH // 2 + place] for place in range(3)] == late
    before = store.live_entries()
    arrive()
    assert runs_of(store) == [Packed] * 3
    assert store.live_entries()[: len(before)] == before
    store.insert(late[0], 1.5 * packed.LENGTH)
    store.remove(lambda _: True)
    arrive()
    arrive()
    assert runs_of(store) == [Packed] * 2


def test_what_is_shared_is_made_when_it_is_taken(clock):
    """The outbox gives the entries of records, equal ones until they are recorded; nothing of the application's own."""
    store = MetricsStore(monotonic=clock.monotonic, wall=clock.wall)
    outbox = store.share()
    store.add_entry({"operation": "own"})
    records = [a_record(number) for number in range(3)]
    store.extend([*records, CALL])
    assert outbox.take() == outbox.take() == (*(one.entry() for one in records), CALL)
