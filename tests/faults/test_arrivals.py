"""Promise: a time limit that arrives at any moment of ours passes through, and leaves books, context and locks right.

``HYDROCHAT_TEST_MOMENTS=0`` tries the first and the last moment at every place of the code that a piece of work
reaches, instead of a sample of its moments.
"""

import contextvars
import gc
import itertools
import os

import pytest
from faults import hosts
from faults.arriving import arrived, held_locks
from faults.interrupting import TimeLimitError, track
from opentelemetry import context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline as pipelines
from hydrochat_otel.runtime import deferred_queue, failures, feeding
from hydrochat_otel.web import Request, paths, respond
from hydrochat_otel.window import body
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.store import MetricsStore

pytestmark = pytest.mark.thorough

MOMENTS = int(os.environ.get("HYDROCHAT_TEST_MOMENTS", "15"))
pytest_plugins = ["fleet.redis_fixtures"]

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


CALLS = ("call", "call async", "stream", "stream async")
FUNCTIONS = ("function", "failing function", "slow")
HOSTS_WORK = {name: hosts.EVERYTHING[name] for name in (*FUNCTIONS, *CALLS, "live interaction", "graph")}
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
        _, counted = arrived(do, 0)
    moments = range(1, counted.moments + 1, max(1, counted.moments // (MOMENTS or 1)))
    if not MOMENTS:
        moments = sorted({*counted.first.values(), *counted.last.values()})
    wrong = []
    gc.disable()  # what is raised in a collection reaches no caller
    for nth in moments:
        prepare()
        raised, arrival = arrived(do, nth)
        place = arrival.place
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
    print(f"{len(moments)} of {counted.moments} moments tried")
    return wrong, counted.moments


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
    assert kept + calls_kept > 0
    assert moments > 100


LOOKING = track_response_time("looking")(lambda: trace.get_current_span().is_recording())
DROPPED = {
    "nothing looks": track_response_time("unseen")(int),
    "something looks": LOOKING,
    "inside another": track_response_time("outer")(LOOKING),
    "in a request": lambda: REQUEST.run(LOOKING),
}
REQUEST = contextvars.copy_context()
REQUEST.run(
    context.attach, trace.set_span_in_context(NonRecordingSpan(SpanContext(3, 4, is_remote=True)), context.Context())
)


@pytest.mark.parametrize("name", DROPPED)
def test_a_time_limit_in_a_call_whose_span_is_dropped_passes_through(name):
    """Also while the span is made, because something looks: nothing stays current, and the books agree."""
    pipeline = pipelines.install(
        tracer_provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        metrics_token="token-of-the-tests-1234",
        instrument_gemini=False,
        max_entries=100_000,
    )
    wrong, moments = sweep(DROPPED[name])
    assert wrong == []
    assert failures.counts() == {}
    kept, counted = books(pipeline)[:2]
    assert kept == counted > 0
    assert moments > 5
    pipeline.shutdown()


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


@pytest.mark.parametrize("name", ["drain", "settle"])
def test_a_time_limit_without_a_thread_of_ours_changes_no_number(install, name):
    """Where no thread can be started, the thread that was interrupted leaves the rest to the next one."""
    pipeline = install(max_entries=100_000)
    pipeline.instruments.queue._worker.stop()
    work = [track_response_time(one)(int) for one in ("one", "another")]
    tracked = 0

    def prepare():
        nonlocal tracked
        for one in (*work, *work):
            tracked += 1
            one()

    wrong, moments = sweep(READING[name], prepare)
    assert wrong == []
    assert failures.counts() == {}
    assert books(pipeline)[:2] == (tracked, tracked)
    assert moments > 100


def test_a_time_limit_while_instruments_are_fed_stops_no_later_feeding(install):
    """What has not begun to be fed is fed the next time, and so is everything that comes later."""
    pipeline = install(max_entries=100_000)
    queue, flush = pipeline.instruments.queue, pipeline.instruments.flush
    queue._worker.stop()
    work = [track_response_time(one)(int) for one in ("one", "another")]

    def prepare():
        for one in (*work, *work):
            one()
        queue.settle()
        feeding.feed_together(settled := [*queue._settled])
        assert not settled
        queue._settled.clear()

    for _ in range(3):
        prepare()
        _, counted = arrived(flush, 0)
    number = books(pipeline)[1]
    for nth in range(1, counted.moments + 1, 1 if not MOMENTS else 7):
        prepare()
        _, arrival = arrived(flush, nth)
        prepare()
        flush()
        before, number = number, books(pipeline)[1]
        assert 6 <= number - before <= 8, arrival.place
    assert counted.moments > 100


@pytest.mark.real
def test_a_time_limit_in_a_publication_to_redis_changes_no_number(install, server):
    """Redis: each operation stays in both books, and the connection that was interrupted is not used again."""
    pipeline = install(max_entries=100_000, state=server.url, publish_interval_s=3600)
    tracked = 0

    def prepare():
        nonlocal tracked
        tracked += 1
        with track:
            pass

    def publish_and_read():
        pipeline._snapshots.publisher.known()  # what is wanted is read with the next publication
        publish()

    wrong, moments = sweep(publish_and_read, prepare)
    assert wrong == []
    assert failures.counts().keys() <= {"state"}  # on a loaded machine the server may answer too late
    assert books(pipeline)[:2] == (tracked, tracked)
    assert moments > 100


def test_a_time_limit_at_a_full_queue_loses_no_item(install):
    """The items that a producer finds in a full queue stay in both books; its own is in both or in none."""
    pipeline = install(max_entries=100_000, queue_capacity=64)
    queue = pipeline.instruments.queue
    tracked = 0

    def prepare():
        nonlocal tracked
        while len(queue) < 64:
            tracked += 1
            with track:
                pass

    wrong, moments = sweep(track_response_time("at_a_full_queue")(int), prepare)
    assert wrong == []
    assert failures.counts() == {}
    kept, counted = books(pipeline)[:2]
    assert kept == counted
    assert sum(entry.operation == "swept" for entry in pipeline.snapshot().entries) == tracked
    assert moments > 20


WINDOWS_WORK = {
    "extend": lambda store, add: store.extend([add() for _ in range(7)]),
    "append": lambda store, add: store.append(add()),
    "insert late": lambda store, add: store.insert(add(), 0.02),
    "insert far back": lambda store, add: store.insert(add(), 3000.0),
    "read": lambda store, add: (store.append(add()), store.contents(), store.get_statistics()),
    "clean up": lambda store, add: (store.extend([add() for _ in range(7)]), store.cleanup_expired()),
}


@pytest.mark.parametrize("name", WINDOWS_WORK)
def test_a_time_limit_while_a_large_window_changes_loses_no_entry(monkeypatch, name):
    """While runs are packed, split and leave, each entry is in the window once, or has left and is counted as such."""
    monkeypatch.setattr(body, "LENGTH", 2)
    store = MetricsStore(max_entries=30, auto_cleanup=False)
    outbox = store.share()
    numbers = itertools.count(1)
    entered = 0

    def add():
        return Entry("operation", "turn", 1.0, 1_750_000_000.0, span_id=next(numbers))

    def prepare():
        nonlocal entered
        kept = [entry.span_id for entry in store.live_entries()]
        assert len(kept) == len(set(kept))
        total = len(kept) + sum(store._evicted.values())
        assert 0 <= total - entered <= 21
        entered = total
        shared = [entry.span_id for entry in outbox.waiting]
        assert len(shared) == len(set(shared))
        assert set(kept) - set(shared) == set() or outbox.dropped

    wrong, moments = sweep(lambda: WINDOWS_WORK[name](store, add), prepare)
    prepare()
    assert wrong == []
    assert moments > 10


def test_a_time_limit_in_a_shutdown_leaves_nothing_half_ended(install, tmp_path):
    """The shutdown happens as a whole or not at all; the next one completes it, and nothing counted is lost."""
    state = f"sqlite://{tmp_path}/state.db"
    tracked = 0

    def prepare():
        nonlocal tracked
        pipelines.shutdown()  # completes the one that was interrupted
        with pytest.raises(pipelines.PipelineError):
            pipelines.current()
        install(max_entries=100_000, state=state, publish_interval_s=3600)
        tracked += 1
        with track:
            pass

    wrong, moments = sweep(pipelines.shutdown, prepare)
    assert wrong == []
    prepare()
    assert failures.counts() == {}
    assert books(pipelines.current())[:2] == (tracked, tracked)
    assert moments > 10
