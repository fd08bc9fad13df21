"""Promise: a time limit that arrives at any moment of ours passes through, and leaves books, context and locks right.

``HYDROCHAT_TEST_MOMENTS=0`` tries every moment instead of a sample of each piece of work.
"""

import gc
import os

import pytest
from faults import hosts
from faults.arriving import arrived, held_locks
from faults.interrupting import TimeLimitError, track
from opentelemetry import context

from hydrochat_otel import semconv
from hydrochat_otel.pipeline import pipeline as pipelines
from hydrochat_otel.runtime import deferred_queue, failures
from hydrochat_otel.web import Request, paths, respond

pytestmark = pytest.mark.thorough

MOMENTS = int(os.environ.get("HYDROCHAT_TEST_MOMENTS", "15"))
BEARER = {"authorization": "Bearer token-of-the-tests-1234"}


def books(pipeline):
    """Return the operations in the window and in the histogram, and the calls in the window and in the counter."""
    snapshot = pipeline.snapshot()
    entries = [entry.kind for entry in snapshot.entries]
    durations = sum(sum(point.counts) for point in snapshot.points(semconv.OPERATION_DURATION))
    return entries.count("operation"), durations, entries.count("gemini"), int(snapshot.total(semconv.LLM_CALLS))


def ask(path):
    response = respond(Request("GET", path, headers=BEARER))
    assert response.status == 200


def publish():
    pipelines.current()._snapshots.publisher.publish()


HOSTS_WORK = {name: hosts.EVERYTHING[name] for name in ("call", "call async", "stream", "stream async", "graph")}
READING = {
    "drain": deferred_queue.drain_all,
    "settle": deferred_queue.settle_all,
    "snapshot": lambda: pipelines.current().snapshot(),
    "window": lambda: len(pipelines.current().store.entries),
    "flush": lambda: pipelines.current().force_flush(),
    "scrape": lambda: ask(paths.METRICS_PATH),
    "export": lambda: ask(paths.EXPORT_PATH),
    "page": lambda: ask(paths.PAGE_PATH),
    "publish": publish,
}


def sweep(do, prepare=lambda: None):
    """Let the time limit arrive at moments of the work; return what went wrong, and how many moments there were."""
    for _ in range(3):  # warm caches, so that all runs take the same way
        prepare()
        *_, moments = arrived(do, 0)
    wrong = []
    gc.disable()  # what is raised in a collection reaches no caller
    for nth in range(1, moments + 1, max(1, moments // MOMENTS) if MOMENTS else 1):
        prepare()
        place, raised, _ = arrived(do, nth)
        if place is not None and not isinstance(raised, TimeLimitError):
            wrong.append((place, "raised", raised))
        if context.get_current():
            wrong.append((place, "left current"))
            context.attach(context.Context())
        if held := held_locks():
            wrong.append((place, "held", held))
            break
    gc.enable()
    gc.collect()
    return wrong, moments


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", HOSTS_WORK)
def test_a_time_limit_in_a_call_passes_through(install, name):
    """A call, a stream and a graph: the limit reaches the host, nothing stays current, and the books agree."""
    pipeline = install(max_entries=100_000)
    wrong, moments = sweep(HOSTS_WORK[name])
    assert wrong == []
    assert failures.counts() == {}
    kept, counted, calls_kept, calls_counted = books(pipeline)
    assert (kept, calls_kept) == (counted, calls_counted)
    assert kept + calls_kept > 10
    assert moments > 100


@pytest.mark.parametrize("state", ["memory", "sqlite"])
@pytest.mark.parametrize("name", READING)
def test_a_time_limit_while_the_numbers_are_read_changes_none(install, tmp_path, name, state):
    """Drains, snapshots, scrapes and publications: every operation stays in both books, and no lock stays held."""
    place = "memory" if state == "memory" else f"sqlite://{tmp_path}/state.db"
    pipeline = install(max_entries=100_000, state=place, publish_interval_s=3600)
    tracked = 0

    def prepare():
        nonlocal tracked
        tracked += 3
        for _ in range(3):
            with track:
                pass

    wrong, _ = sweep(READING[name], prepare)
    assert wrong == []
    assert failures.counts() == {}
    assert books(pipeline)[:2] == (tracked, tracked)
