"""Promises of :mod:`hydrochat_otel.fleet.publisher` and of the pipeline that shares: outages, forks, children."""

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time

import pytest
from fleet.processes import count, eventually, in_child
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from hydrochat_otel import semconv
from hydrochat_otel.hydrochat import agent_stats
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.runtime import failures
from hydrochat_otel.web import EXPORT_PATH, METRICS_PATH, Request, respond
from hydrochat_otel.window.days import DayCounts

AUTHORIZED = {"authorization": "Bearer token-of-the-tests-1234"}


def work(times=1, name="turn"):
    for _ in range(times):
        with track_response_time(name):
            pass


@pytest.fixture
def address(tmp_path):
    return f"sqlite://{tmp_path}/state.db"


@pytest.fixture
def shared(install, address):
    """A pipeline that shares, and publishes often."""
    return install(state=address, publish_interval_s=0.05)


def test_what_a_process_measured_outlives_it(install, address):
    """After a restart, counters and window continue from where they were."""
    for expected in (3, 6):
        running = install(state=address)
        work(3)
        snapshot = running.snapshot()
        assert (count(snapshot), len(snapshot.entries)) == (expected, expected)
        pipeline.shutdown()


def test_children_count_for_themselves_and_all_see_all(shared):
    """After a fork the child starts at zero, the parent continues, and both see the sum."""
    work(2)
    shared.snapshot()

    def child():
        assert count(pipeline.current()._snapshots._alone()) == 0
        assert len(pipeline.current().store) == 0
        work(5)
        return count(pipeline.current().snapshot()) == 7

    in_child(child)
    work(1)
    snapshot = shared.snapshot()
    assert (count(snapshot), len(snapshot.entries)) == (8, 8)


def test_a_killed_child_stays_in_the_totals(shared):
    """What a child had published when it was killed is never lost."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        work(4)
        pipeline.current().snapshot()
        os.write(write, b"published")
        signal.pause()
    assert os.read(read, 9) == b"published"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert count(shared.snapshot()) == 4


@pytest.mark.parametrize("state", ["memory", "shared"])
def test_forks_in_the_middle_of_everything(address, state):
    """While threads track, scrape and drain, children are forked that track and scrape as well: none ever hangs."""
    # Without the exporter of the other tests, whose lock a child inherits.
    running = pipeline.install(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        instrument_gemini=False,
        state=address if state == "shared" else state,
        publish_interval_s=0.05,
    )
    stop = threading.Event()

    def repeat(step):
        while not stop.is_set():
            step()

    threads = [threading.Thread(target=repeat, args=(step,)) for step in (work, running.snapshot, running.force_flush)]
    for thread in threads:
        thread.start()

    def child():
        work(3)
        return count(pipeline.current().snapshot()) >= 3

    try:
        for _ in range(5):
            in_child(child, seconds=20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_process_that_forks_meets_its_children_by_itself(install):
    """Without any setting the numbers are the process's own until it forks; then they are those of all."""
    running = install(publish_interval_s=0.05)
    work(1)
    assert running.snapshot().sharing.state == "memory"

    def child():
        work(2)
        return pipeline.current().snapshot().sharing.state == "sqlite"

    in_child(child)
    eventually(lambda: count(running.snapshot()) == 3)
    assert running.snapshot().sharing.state == "sqlite"


def _in_pool(times):
    work(times)
    return os.getpid()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_lose_nothing(install, address, monkeypatch, method):
    """A short-lived child publishes when it ends, even if it runs no exit handlers."""
    running = install(state=address, publish_interval_s=60)
    monkeypatch.setenv("HYDROCHAT_STATE", address)
    monkeypatch.setenv("HYDROCHAT_PUBLISH_INTERVAL", "60")
    context = multiprocessing.get_context(method)
    children = [context.Process(target=_in_pool, args=(times,)) for times in (1, 2, 3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert count(running.snapshot()) == 6


def test_a_child_pushes_its_own_numbers_and_keeps_the_name_of_the_instance():
    """What the parent had counted is not pushed a second time, under the instance's id that the user gave."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=Resource({"service.instance.id": "desk-4"}), shutdown_on_exit=False)
    tracers = TracerProvider(resource=Resource({"service.instance.id": "desk-4"}), shutdown_on_exit=False)
    running = pipeline.install(
        tracer_provider=tracers, meter_provider=provider, instrument_gemini=False, state="memory"
    )
    work(3)
    assert running.snapshot().resource["service.instance.id"] == "desk-4"
    assert _pushed(reader) == (3, "desk-4")

    def child():
        work(1)
        named = pipeline.current().tracer_provider.resource.attributes["service.instance.id"]
        return _pushed(reader) == (1, "desk-4") and named == "desk-4"

    in_child(child)
    assert _pushed(reader) == (3, "desk-4")


def _pushed(reader):
    [data] = reader.get_metrics_data().resource_metrics
    counted = sum(
        point.count
        for scope in data.scope_metrics
        for metric in scope.metrics
        if metric.name == semconv.OPERATION_DURATION.name
        for point in metric.data.data_points
    )
    return counted, data.resource.attributes["service.instance.id"]


def test_what_is_pushed_is_not_scraped_as_well():
    """A process that pushes its metrics refuses the scrape with a sentence; the JSON export stays available."""

    class NowhereExporter:
        _preferred_temporality = _preferred_aggregation = None

        def export(self, *_, **__): ...
        def shutdown(self, *_, **__): ...
        def force_flush(self, *_, **__): ...

    pushing = PeriodicExportingMetricReader(NowhereExporter(), export_interval_millis=3_600_000)
    provider = MeterProvider([pushing], shutdown_on_exit=False)
    pipeline.install(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=provider,
        instrument_gemini=False,
        metrics_token="token-of-the-tests-1234",
    )
    refused = respond(Request("GET", METRICS_PATH, AUTHORIZED))
    assert (refused.status, json.loads(refused.body)) == (
        409,
        {"error": "This process pushes its metrics (NowhereExporter); scraping would count them twice."},
    )
    assert respond(Request("GET", EXPORT_PATH, AUTHORIZED)).status == 200
    provider.shutdown()


# -- outages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def breakable(tmp_path):
    """A place for the state that exists or not."""
    place = tmp_path / "place"
    place.mkdir()
    return place


def test_an_outage_costs_nothing_but_the_view(install, breakable, caplog):
    """While the state is unreachable the application continues; one log line says so, and nothing is lost."""
    running = install(state=f"sqlite://{breakable}/state.db", publish_interval_s=0.05)
    work(2)
    assert count(running.snapshot()) == 2
    away = breakable.rename(breakable.with_name("away"))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        work(3)
        eventually(lambda: running.snapshot().sharing.problem is not None)
        snapshot = running.snapshot()
        assert (count(snapshot), snapshot.sharing.state) == (5, "sqlite")
        assert str(breakable) in snapshot.sharing.problem
        refused = respond(Request("GET", METRICS_PATH, AUTHORIZED))
        assert (refused.status, dict(refused.headers)["Retry-After"]) == (503, "2")
        exported = json.loads(respond(Request("GET", EXPORT_PATH, AUTHORIZED)).body)
        assert exported["state"]["problem"] == snapshot.sharing.problem
        away.rename(breakable)
        work(1)
        eventually(lambda: running.snapshot().sharing.problem is None)
    assert count(running.snapshot()) == 6
    assert respond(Request("GET", METRICS_PATH, AUTHORIZED)).status == 200
    assert len(running.snapshot().entries) == 6
    logged = [message for message in caplog.messages if "state" in message.lower()]
    assert [("continues" in message, "is back" in message) for message in logged] == [(True, False), (False, True)]
    assert set(failures.counts()) == {"state"}


def test_what_waits_is_bounded_and_what_has_to_leave_is_counted(install, breakable):
    """During an outage at most as many entries wait as the window holds; the others are counted as evicted."""
    running = install(state=f"sqlite://{breakable}/state.db", publish_interval_s=0.05, max_entries=10)
    running.snapshot()
    away = breakable.rename(breakable.with_name("away"))
    work(25)
    with pytest.raises(Exception, match="place"):
        running._snapshots.publisher.fresh()
    work(25)
    away.rename(breakable)
    eventually(lambda: running.snapshot().sharing.problem is None)
    snapshot = running.snapshot()
    assert (count(snapshot), len(snapshot.entries)) == (50, 10)
    assert snapshot.sums_by(semconv.RETENTION_EVICTED, semconv.REASON)[("capacity",)] == 40


def test_the_applications_own_code_never_waits_for_the_state(shared, monkeypatch):
    """Statistics for a chat turn come from what was read last."""

    def slow(*_, **__):
        raise AssertionError("exchanged with the state")

    work(2)
    shared.snapshot()
    work(1)
    monkeypatch.setattr(shared._snapshots.publisher, "fresh", slow)
    summary = agent_stats.agent_stats.generate_stats_summary({"metrics": {}})
    assert summary["llm_api_metrics"]["total_calls"] == 0
    assert count(shared.snapshot(fresh=False)) == 3


def test_a_missing_library_stops_the_start(install, monkeypatch):
    """A Redis without its client library stops the start with a sentence that names what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "hydrochat_otel.fleet.redis.backend", raising=False)
    with pytest.raises(PipelineError, match=r'pip install "hydrochat-otel\[redis\]"'):
        install(state="redis://127.0.0.1:1/0")


def test_the_budget_is_that_of_all(shared, monkeypatch):
    """What members spent today adds up, and survives a restart."""
    now_s = time.time()
    shared.instruments.ledger.add("m", "ok", [(now_s, DayCounts(calls=1, cost_usd=0.25))])
    work(1)
    shared.snapshot()

    def child():
        pipeline.current().instruments.ledger.add("m", "ok", [(now_s, DayCounts(calls=1, cost_usd=0.5))])
        work(1)
        return pipeline.current().snapshot().budget.spent_day_usd == 0.75

    in_child(child)
    assert shared.snapshot().budget.spent_day_usd == 0.75
    assert shared.snapshot().budget.spent_month_usd == 0.75
