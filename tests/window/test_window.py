"""Promises of :mod:`hydrochat_otel.window.window`."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline as pipelines
from hydrochat_otel.window import window
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.store import MetricsStore
from hydrochat_otel.window.window import get_global_metrics_store, reset_global_metrics_store


def store_on(clock, **arguments):
    return MetricsStore(**arguments, monotonic=clock.monotonic, wall=clock.wall)


def entry(name="turn", end_unix_s=1_750_000_000.0):
    return Entry("operation", name, 0.5, end_unix_s)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"max_entries": 0}, "max_entries=0 is not allowed: it must be at least 1."),
        ({"ttl_hours": 0}, "ttl_hours=0 is not allowed: it must be above 0."),
        ({"ttl_hours": -1}, "ttl_hours=-1 is not allowed: it must be above 0."),
        ({"cleanup_interval_minutes": 0}, "cleanup_interval_minutes=0 is not allowed: it must be above 0."),
    ],
)
def test_bad_bounds_are_refused(arguments, sentence):
    """A window without room or time raises ValueError with one sentence."""
    with pytest.raises(ValueError) as caught:
        MetricsStore(**arguments)
    assert str(caught.value) == sentence


def test_the_oldest_leave_first(clock):
    """Beyond the limit the oldest entry leaves and is counted as evicted for capacity."""
    store = store_on(clock, max_entries=3)
    for number in range(5):
        store.append(entry(f"n{number}"))
    assert [row["operation"] for row in store.entries] == ["n2", "n3", "n4"]
    assert store.evicted() == {"capacity": 2, "age": 0}


def test_an_expired_entry_is_never_served(clock):
    """From its ttl on an entry is in no answer, although no clean-up has run yet."""
    store = store_on(clock, ttl_hours=1)
    store.append(entry("old"))
    clock.advance(1800)
    store.append(entry("new"))
    clock.advance(1799)
    assert len(store) == 2
    clock.advance(1)
    assert [row["operation"] for row in store.entries] == ["new"]
    assert [row["operation"] for row in store.get_expired_entries()] == ["old"]
    assert (len(store), store.last_cleanup_time) == (1, None)
    assert [one.operation for one in store.live_entries()] == ["new"]
    assert store.get_statistics()["expired_count"] == 1


def test_cleanup_frees_and_counts(clock):
    """A clean-up returns how many expired entries it freed, counts them by age, and notes its time."""
    store = store_on(clock, ttl_hours=1)
    for _ in range(3):
        store.append(entry())
    clock.advance(3600)
    assert (store.cleanup_expired(), store.cleanup_expired()) == (3, 0)
    assert store.evicted() == {"capacity": 0, "age": 3}
    assert store.last_cleanup_time == datetime.fromtimestamp(clock.wall_s, UTC)


def test_cleanup_runs_hourly_by_itself(clock):
    """An addition after the interval frees what expired; before it, or with auto_cleanup off, nothing is freed."""
    store = store_on(clock, ttl_hours=0.5)
    manual = store_on(clock, ttl_hours=0.5, auto_cleanup=False)
    for one in (store, manual):
        one.append(entry("old"))
    clock.advance(3599)
    store.append(entry())
    assert store.get_statistics()["expired_count"] == 1
    clock.advance(1)
    for one in (store, manual):
        one.append(entry())
    assert store.get_statistics()["expired_count"] == 0
    assert manual.get_statistics()["expired_count"] == 1


def test_a_wall_clock_that_jumps_changes_nothing(clock):
    """Setting the wall clock back or forward by a year neither keeps an entry forever nor loses one."""
    store = store_on(clock, ttl_hours=1)
    store.append(entry("before"))
    clock.wall_s -= 365 * 86400
    store.append(entry("after"))
    assert len(store) == 2
    clock.wall_s += 2 * 365 * 86400
    assert len(store) == 2
    clock.monotonic_s += 3600
    assert store.entries == []


def test_time_stamps_age_what_is_added(clock):
    """An added entry is as old as its time stamp: aware, naive local, out of order, or in the future."""
    store = store_on(clock, ttl_hours=24)
    now = datetime.fromtimestamp(clock.wall_s, UTC)
    naive = now.astimezone().replace(tzinfo=None)
    store.add_entry({"timestamp": now, "id": "now"})
    store.add_entry({"timestamp": naive - timedelta(hours=23), "id": "old"})
    store.add_entry({"timestamp": now - timedelta(hours=25), "id": "expired"})
    store.add_entry({"timestamp": now + timedelta(days=9), "id": "future"})
    assert [row["id"] for row in store.entries] == ["old", "now", "future"]
    assert [row["id"] for row in store.get_expired_entries()] == ["expired"]
    clock.advance(3600)
    assert [row["id"] for row in store.entries] == ["now", "future"]
    clock.advance(23 * 3600)
    assert store.entries == []


def test_an_older_entry_does_not_push_out_a_newer_one(clock):
    """The newest stay: an addition older than everything in a full window leaves."""
    store = store_on(clock, max_entries=2)
    now = datetime.fromtimestamp(clock.wall_s, UTC)
    for minutes in (1, 2, 9):
        store.add_entry({"timestamp": now - timedelta(minutes=minutes), "id": minutes})
    assert [row["id"] for row in store.entries] == [2, 1]


def test_what_is_added_is_copied_and_stamped(clock):
    """Without a time stamp an entry gets the current time; the caller's dictionary is neither kept nor changed."""
    store, mine = store_on(clock), {"operation": "test", "success": True}
    store.add_entry(mine)
    mine["operation"] = "changed"
    store.entries[0]["operation"] = "changed too"
    assert "timestamp" not in mine
    stamp = datetime.fromtimestamp(clock.wall_s, UTC)
    assert store.entries == [{"operation": "test", "success": True, "timestamp": stamp}]


def test_an_invalid_time_stamp_is_refused(clock):
    """A time stamp of another type raises one sentence and keeps nothing."""
    store = store_on(clock)
    with pytest.raises(TypeError, match="timestamp must be a datetime, not str"):
        store.add_entry({"timestamp": "today"})
    assert store.entries == []


def test_entries_since_a_moment(clock):
    """`since` accepts aware and naive local moments and includes the moment itself."""
    store = store_on(clock)
    now = datetime.fromtimestamp(clock.wall_s, UTC)
    for minutes in (30, 20, 10):
        store.add_entry({"timestamp": now - timedelta(minutes=minutes), "id": minutes})
    since = now - timedelta(minutes=20)
    assert [row["id"] for row in store.get_entries_since(since)] == [20, 10]
    assert [row["id"] for row in store.get_entries_since(since.astimezone().replace(tzinfo=None))] == [20, 10]


def test_statistics_of_an_empty_and_of_a_filling_window(clock):
    """The statistics are complete from the first moment, and the warning appears at exactly 80 %."""
    store = store_on(clock, max_entries=5)
    assert store.get_statistics() == {
        "total_entries": 0,
        "max_entries": 5,
        "ttl_hours": 24,
        "expired_count": 0,
        "oldest_entry_age_hours": 0.0,
        "storage_utilization_percent": 0.0,
        "warning": None,
    }
    for _ in range(3):
        store.append(entry())
    clock.advance(7200)
    assert store.get_statistics()["warning"] is None
    store.append(entry())
    assert store.get_statistics() == {
        "total_entries": 4,
        "max_entries": 5,
        "ttl_hours": 24,
        "expired_count": 0,
        "oldest_entry_age_hours": 2.0,
        "storage_utilization_percent": 80.0,
        "warning": "Storage is 80.0 % full: 4 of 5 entries.",
    }


@pytest.mark.parametrize("has_own", [False, True])
def test_how_full_the_window_is(clock, has_own):
    """The filling has the live entries and the age of the oldest as the contents do, at any number and age."""
    store = store_on(clock, max_entries=400, ttl_hours=1)
    for number in range(1000):
        clock.advance(10)
        store.append(entry())
        if has_own and not number % 7:
            store.add_entry({"operation": "own"})
        if not number % 37:
            clock.advance(500)
            filling, contents = store.filling(), store.contents()
            assert filling == (len(contents.entries), 400, contents.covered_s)
            assert filling.utilization_ratio == contents.utilization_ratio
    assert 0 < len(store) < len(store._body)


def test_the_export_is_json(clock):
    """A JSON encoder accepts export_to_json() unchanged: entries of spans and the application's own alike."""
    store = store_on(clock)
    store.append(
        Entry(
            "gemini",
            "generate_content",
            0.25,
            1_750_000_000.0,
            model="gemini-2.5-flash",
            cost_usd=0.5,
            tokens=(1, 2, 3, 4, 5),
            trace_id=1,
            span_id=2,
            parent_span_id=3,
        )
    )
    store.add_entry({"operation": "own"})
    export = json.loads(json.dumps(store.export_to_json()))
    assert export["entries"] == [
        {
            "kind": "gemini",
            "operation": "generate_content",
            "duration": 0.25,
            "timestamp": "2025-06-15T15:06:40+00:00",
            "exceeded_threshold": False,
            "error": None,
            "outcome": "ok",
            "trace_id": "00000000000000000000000000000001",
            "span_id": "0000000000000002",
            "parent_span_id": "0000000000000003",
            "model": "gemini-2.5-flash",
            "tokens": {
                "input_fresh": 1,
                "input_cached": 2,
                "input_tool": 3,
                "output_answer": 4,
                "output_thinking": 5,
            },
            "cost_usd": 0.5,
        },
        {"operation": "own", "timestamp": "2025-06-15T15:06:40+00:00"},
    ]
    assert export["statistics"] == store.get_statistics()


def test_sixteen_writers_and_readers_keep_exactly_the_newest(clock):
    """32 000 additions beside readers: exactly the limit is kept, all are accounted for, no thread raises."""
    store, failures, done = MetricsStore(), [], threading.Event()

    def write(name):
        for number in range(2000):
            store.append(entry(f"{name}.{number}"))

    def read():
        try:
            while not done.is_set():
                assert len(store.entries) <= 1000
                store.get_statistics()
        except Exception as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(16)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert failures == []
    assert (len(store), store.evicted()) == (1000, {"capacity": 31_000, "age": 0})


def test_the_process_has_one_window(monkeypatch):
    """The global window takes its bounds from the environment, is always the same one, and a reset empties it."""
    monkeypatch.setenv("METRICS_MAX_ENTRIES", "2")
    store = get_global_metrics_store()
    assert (store.max_entries, get_global_metrics_store()) == (2, store)
    for _ in range(3):
        store.append(entry())
    reset_global_metrics_store()
    fresh = get_global_metrics_store()
    assert (fresh.entries, fresh.max_entries) == ([], 2)
    assert fresh.evicted() == {"capacity": 1, "age": 0}


def test_a_window_of_other_bounds_adopts_the_entries(clock):
    """Changing the bounds keeps the newest entries, their ages and the counts."""
    old, new = store_on(clock, max_entries=4), store_on(clock, max_entries=2, ttl_hours=2)
    window.use_global_metrics_store(old)
    for name in ("a", "b", "c"):
        old.append(entry(name))
        clock.advance(60)
    assert window.use_global_metrics_store(new) is new
    assert [row["operation"] for row in new.entries] == ["b", "c"]
    assert new.evicted() == {"capacity": 1, "age": 0}
    clock.advance(2 * 3600 - 60)
    assert new.entries == []


def test_after_the_pipeline_ended_nothing_refers_to_its_instruments(install):
    """The entries of work that waits are made at the shutdown: providers of the host are not held by the window."""
    install()
    for _ in range(3):
        with track_response_time("turn"), track_response_time("step"):
            pass
    pipelines.shutdown()
    held = get_global_metrics_store()._body.held
    assert [type(one) for one in held] == [Entry] * 6


@pytest.mark.parametrize("number", [1, 2**63, 2**64 - 1, 2**64, 2**127, 2**128 - 1, 2**128])
def test_ids_are_hexadecimal_digits(number):
    """An id has 32 or 16 digits in lower case, and more if it is too long for a trace."""
    row = Entry("span", "a", 0.1, 0.0, trace_id=number, span_id=number, parent_span_id=number).as_dict()
    assert row["trace_id"] == f"{number:032x}"
    assert row["span_id"] == row["parent_span_id"] == f"{number:016x}"
