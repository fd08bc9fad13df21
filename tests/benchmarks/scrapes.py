"""What a scrape costs beside the stock exporter and prometheus_client's multiprocess mode, and a tick of publishing."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import scrape, scrape_rates
from benchmarks.measuring import Row, best_us
from benchmarks.scrape import Rendering, StockExporter

from hydrochat_otel.fleet import merging
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.sdk.conversion import families
from hydrochat_otel.settings import Settings
from hydrochat_otel.views import prometheus
from hydrochat_otel.views.prometheus import Format
from hydrochat_otel.window.snapshot import Retention, Snapshot

_TARGETS = {10: 0.10, 100: 0.06, 1000: 0.05, 10_000: 0.05}
_RETENTION = Retention(1000, 24.0, 0, 0.0)
_MULTIPROCESS = """
import os, sys
import prometheus_client
histogram = prometheus_client.Histogram("duration_seconds", "x", ["a"], buckets=[.01 * 2**n for n in range(14)])
for series in range(int(sys.argv[1])):
    for value in (.003, .03, .3):
        histogram.labels(f"series-{series}").observe(value)
os._exit(0)
"""
_COLLECT = """
import sys, time
import prometheus_client
from prometheus_client import multiprocess
for line in sys.stdin:
    started = time.process_time()
    registry = prometheus_client.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=sys.argv[1])
    prometheus_client.generate_latest(registry)
    print((time.process_time() - started) * 1e6, flush=True)
"""
_IDLE = """
import sys, time
import hydrochat_otel
installed = hydrochat_otel.install(state=sys.argv[1], instrument_gemini=False)
for number in range(200):
    with hydrochat_otel.track_response_time(f"operation_{number}"):
        pass
installed.publish()
time.sleep(2)
before = time.process_time()
time.sleep(float(sys.argv[2]))
print(time.process_time() - before)
"""


def of_series(most: int) -> Iterator[Row]:
    """Yield the rows of one process by number of series; converting what the SDK collected is in both."""
    for series, target in _TARGETS.items():
        if series > most:
            continue
        scrape.SERIES = series
        data = scrape.collected(limit=series)
        ours, stock = Rendering(data), StockExporter(data)
        rounds = 15 if series <= 1000 else 3
        yield Row(
            f"/metrics, {series} series",
            "stock exporter",
            best_us(ours.text, rounds=rounds),
            best_us(stock.text, rounds=rounds),
            target,
        )


def of_processes(series: int = 200) -> Iterator[Row]:
    """Yield the rows of several processes: ours from the members' totals, theirs from their files."""
    scrape.SERIES = series
    own = families(scrape.collected(limit=series))
    for processes in (4, 16):

        def ours(count: int = processes) -> bytes:
            merged = merging.merged([own] * count)
            return prometheus.render(Snapshot(0.0, {}, merged, (), _RETENTION), Format.TEXT)

        with tempfile.TemporaryDirectory() as folder:
            environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder}
            for _ in range(processes):
                subprocess.run([sys.executable, "-c", _MULTIPROCESS, str(series)], env=environ, check=True)
            with subprocess.Popen(
                [sys.executable, "-c", _COLLECT, folder],
                env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            ) as peer:  # fmt: skip
                # In turn, because the processor's speed may change between two parts of a run; ours, which takes a
                # twentieth, several times in each turn: else the pause before it would be most of what is measured.
                costs = [(best_us(ours, rounds=5), _answer_us(peer)) for _ in range(9)]
                peer.kill()
        best = [min(column) for column in zip(*costs, strict=True)]
        yield Row(f"merged over {processes} processes", "prometheus_client", best[0], best[1], 0.06)


def _answer_us(peer: "subprocess.Popen[str]") -> float:
    """Return the microseconds of one merged scrape of the peer."""
    assert peer.stdin is not None
    assert peer.stdout is not None
    peer.stdin.write("\n")
    peer.stdin.flush()
    return float(peer.stdout.readline())


def of_publishing() -> Iterator[Row]:
    """Yield what one tick costs while nothing is recorded; the target is a time, not a ratio."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(state=f"sqlite://{Path(folder) / 'state.db'}", instrument_gemini=False)
        installed = pipeline.install(settings)
        publisher = installed._snapshots.publisher
        publisher.publish()
        tick = best_us(publisher.publish, size=20)
        pipeline.shutdown()
    yield Row("publishing tick with nothing new", "500 µs", round(tick, 1), 500.0, 1.0)


def of_idling(seconds: float = 15.0) -> Iterator[Row]:
    """Yield what a minute costs in which nothing is recorded, with a shared state and 200 series; target as above."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _IDLE, f"sqlite://{Path(folder) / 'state.db'}", str(seconds)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    yield Row("idle minute with a shared state", "0.1 s", round(float(done.stdout) * 60 / seconds, 3), 0.1, 1.0, "s")


def rows(*, most: int = 10_000) -> Iterator[Row]:
    """Yield every row."""
    yield from of_series(most)
    yield from of_processes()
    yield from of_publishing()
    yield from of_idling()
    yield from scrape_rates.rows()
