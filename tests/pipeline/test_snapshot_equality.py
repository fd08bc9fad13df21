"""Promise of one builder of snapshots: all surfaces agree while threads write, in each kind of state.

The short form takes some snapshots; ``HYDROCHAT_TEST_SNAPSHOTS=2000`` takes as many in each state.
"""

import json
import os
import re
import threading
import time

import pytest

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.views import json_export
from hydrochat_otel.views.entry_page import Filter
from hydrochat_otel.views.prometheus import exposition
from hydrochat_otel.views.prometheus.negotiation import negotiate

pytest_plugins = ["fleet.redis_fixtures"]

SNAPSHOTS = int(os.environ.get("HYDROCHAT_TEST_SNAPSHOTS", "25"))
WRITERS = 8
CAPACITY = 200
ALL = Filter(entries=True, limit=CAPACITY)
GAUGE = re.compile(rb"^hydrochat_retention_entries(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


class Writers:
    """Threads that track operations as long as the block lasts; `written` counts those that ended."""

    def __init__(self):
        self._stop = threading.Event()
        self._counts = [0] * WRITERS
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]

    @property
    def written(self):
        return sum(self._counts)

    def _write(self, number):
        tracked = track_response_time(f"turn {number}")
        while not self._stop.is_set():
            with tracked:
                pass
            self._counts[number] += 1
            time.sleep(0.001)  # a host does something else as well

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def sizes(snapshot):
    """Return how many entries each surface says that the window has."""
    document = json.loads(json_export.render(snapshot, ALL))
    [in_text] = GAUGE.findall(exposition.render(snapshot, negotiate("text/plain")))
    return {
        "gauge": snapshot.total(semconv.RETENTION_ENTRIES),
        "ratio": round(snapshot.total(semconv.RETENTION_UTILIZATION) * CAPACITY, 6),
        "text": float(in_text),
        "export": document["retention_policy"]["current_entries"],
        "list": len(document["entries"]),
        "operations": document["performance_metrics"]["metrics_count"],
        "entries": len(snapshot.entries),
    }


def counted(snapshot):
    return sum(sum(point.counts) for point in snapshot.points(semconv.OPERATION_DURATION))


def whole(pipeline):
    """Return a snapshot of the whole state: a new Redis has none at first, a busy machine none for moments."""
    deadline_s = time.monotonic() + 30.0
    while (snapshot := pipeline.snapshot()).sharing.problem is not None:
        assert time.monotonic() < deadline_s, snapshot.sharing.problem
        time.sleep(0.05)
    return snapshot


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.real)])
def state(request, tmp_path):
    """The address of an empty state."""
    if request.param == "redis":
        server = request.getfixturevalue("shared")("alone")
        server.client().flushall()
        return server.url
    return "memory" if request.param == "memory" else f"sqlite://{tmp_path}/state.db"


@pytest.mark.timeout(60 + SNAPSHOTS)
def test_every_surface_of_a_snapshot_agrees_while_threads_write(install, state):
    """Gauge, text, export and list have the same number of entries in each snapshot, and no count ever falls."""
    pipeline = install(state=state, max_entries=CAPACITY)
    whole(pipeline)
    before, seen = 0, set()
    with Writers() as writers:
        for _ in range(SNAPSHOTS):
            snapshot = whole(pipeline)
            [size] = {float(number) for number in sizes(snapshot).values()}
            assert before <= counted(snapshot)
            before = counted(snapshot)
            seen.add(size)
    snapshot = whole(pipeline)
    assert counted(snapshot) == writers.written > SNAPSHOTS
    assert set(sizes(snapshot).values()) == {min(writers.written, CAPACITY)}
    assert len(seen) > 1 or seen == {CAPACITY}


def test_the_same_work_has_the_same_numbers_in_each_state(install, state):
    """Whether one process keeps its numbers alone or in a shared state, the same work is the same document."""
    pipeline = install(state=state, max_entries=CAPACITY)
    whole(pipeline)
    for name in ("turn", "turn", "step"):
        with track_response_time(name):
            pass
    snapshot = whole(pipeline)
    assert set(sizes(snapshot).values()) == {3}
    assert (counted(snapshot), snapshot.sharing.workers, snapshot.total(semconv.STATE_WORKERS)) == (3, 1, 1)
    assert snapshot.total(semconv.RETENTION_COVERED) >= 0
