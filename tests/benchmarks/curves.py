"""``python -m tests.benchmarks.curves --out docs/growth.svg``: draws how the costs grow; takes some minutes.

Four panels: views against the entries of the window, a scrape against its series, a tracked call against the threads
that make it, and the cost and memory of the first to the millionth tracked call. All are processor time of the process.
"""

import argparse
import gc
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import growth_drawing, scrape, views
from benchmarks.growth_drawing import Curve, Panel
from benchmarks.measuring import best_us
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.window import digest
from hydrochat_otel.window.store import MetricsStore

_ENTRIES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_SERIES = (10, 30, 100, 300, 1000, 2000)
_THREADS = (1, 2, 4, 8, 16, 32)
_CALLS = 1_000_000
_BLOCK = 50_000


def of_entries(most: int) -> Panel:
    """Return what a view costs over a window of that many entries, 20 of which are new since the last view."""
    shown = [view for view in views.VIEWS if view[0] in {"export", "overview", "history", "page of 100"}]
    curves = {name: Curve(name, []) for name, *_ in shown}
    curves["overview, obvious"] = Curve("overview, obvious", [], is_peer=True)
    rounds = 3
    for number in (one for one in _ENTRIES if one <= most):
        kept = views.entries(number, views.NEW * (rounds + 1))
        for name, render, obvious in shown:
            digest.forget()
            store = MetricsStore(max_entries=number)
            ours, theirs = [], []
            for begin in range(0, views.NEW * (rounds + 1), views.NEW):
                end = begin + number
                store.extend(kept[end - views.NEW : end] if begin else kept[:number])
                snapshot = views.snapshot_of(store, kept[end - 1].end_unix_s)
                ours.append(best_us(lambda render=render, snapshot=snapshot: render(snapshot), rounds=1))
                if name == "overview" and number <= 100_000 and begin < views.NEW:
                    rows = [one.as_dict() for one in snapshot.entries]
                    theirs.append(best_us(lambda obvious=obvious, rows=rows: obvious(rows), rounds=1))
            curves[name].points.append((number, min(ours[1:]) / 1000))
            if theirs:
                curves["overview, obvious"].points.append((number, min(theirs) / 1000))
        del kept
    digest.forget()
    return Panel("A view, 20 entries new since the last one", "entries in the window", "ms", [*curves.values()])


def of_series(most: int) -> Panel:
    """Return what a scrape costs, beside the stock exporter fed with the same data."""
    ours, stock = Curve("/metrics", []), Curve("stock exporter", [], is_peer=True)
    for series in (one for one in _SERIES if one <= most):
        scrape.SERIES = series
        data = scrape.collected(limit=series)
        ours.points.append((series, best_us(scrape.Rendering(data).text, rounds=9) / 1000))
        stock.points.append((series, best_us(scrape.StockExporter(data).text, rounds=3) / 1000))
    return Panel("A scrape", "series of a histogram", "ms", [ours, stock])


def _work() -> None:
    """Do nothing; what is tracked."""


def by_hand() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the obvious code, a span, a histogram, a counter and the newest spans; and what has to run after it."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("peer")
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("peer")
    histogram, violations = meter.create_histogram("peer.duration", "s"), meter.create_counter("peer.violations")
    kept = deque(maxlen=1000)

    def timed() -> None:
        started = time.perf_counter()
        with tracer.start_as_current_span("operation", attributes={"hydrochat.operation": "operation"}) as span:
            _work()
        duration_s = time.perf_counter() - started
        histogram.record(duration_s, {"hydrochat.operation": "operation"})
        violations.add(int(duration_s > 2), {"hydrochat.operation": "operation"})
        kept.append(span)

    return timed, reader.get_metrics_data


def cpu_us(call: Callable[[], object], finish: Callable[[], object], threads: int, calls: int) -> float:
    """Return the microseconds of processor time of one call, made by that many threads together."""

    def repeat() -> None:
        for _ in range(calls // threads):
            call()

    workers = [threading.Thread(target=repeat) for _ in range(threads)]
    before = time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    finish()
    return (time.process_time() - before) / (calls // threads * threads) * 1e6


def of_threads(most: int, calls: int) -> Panel:
    """Return what a tracked call costs, with its deferred work and one collection, beside the obvious code."""
    installed = pipeline.install(instrument_gemini=False, state="memory")
    tracked = track_response_time("operation")(_work)
    hand, collect = by_hand()
    ours, obvious = Curve("tracked call", []), Curve("by hand", [], is_peer=True)
    for threads in (one for one in _THREADS if one <= most):
        for curve, call, finish in ((ours, tracked, installed.snapshot), (obvious, hand, collect)):
            cpu_us(call, finish, threads, calls // 4)
            curve.points.append((threads, min(cpu_us(call, finish, threads, calls) for _ in range(3))))
    pipeline.shutdown()
    return Panel("A tracked call", "threads that make calls", "µs", [ours, obvious], has_floor=True)


def of_calls(calls: int, block: int) -> Panel:
    """Return what each block of so many tracked calls costs, and how much memory the process has after it."""
    installed = pipeline.install(instrument_gemini=False, state="memory")
    tracked = track_response_time("operation")(_work)
    cost, memory = Curve("µs a tracked call", []), Curve("MB of the process", [])
    cpu_us(tracked, installed.snapshot, 1, block)
    for done in range(block, calls + 1, block):
        cost.points.append((done, cpu_us(tracked, installed.snapshot, 1, block)))
        memory.points.append((done, _resident_mb()))
    pipeline.shutdown()
    return Panel(
        "The first to the millionth call", "tracked calls so far", "", [cost, memory], has_floor=True, is_linear=True
    )


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: the most that it ever had
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1e6


def panels(*, short: bool = False) -> list[Panel]:
    """Return all panels; the short form takes seconds and reaches less far."""
    calls = of_calls(_BLOCK // 10 * 4, _BLOCK // 10) if short else of_calls(_CALLS, _BLOCK)
    gc.collect()
    return [
        of_entries(3000 if short else _ENTRIES[-1]),
        of_series(30 if short else _SERIES[-1]),
        of_threads(2 if short else _THREADS[-1], 2000 if short else 64_000),
        calls,
    ]


def main() -> None:
    """Measure, draw, and print the points."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the SVG that is written")
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes, and not so far")
    options = parser.parse_args()
    measured = panels(short=options.short)
    options.out.write_text(growth_drawing.drawn(measured), encoding="utf-8")
    for panel in measured:
        for curve in panel.curves:
            numbers = ", ".join(f"{x:g}: {y:.4g}" for x, y in curve.points)
            print(f"{panel.title}, {curve.name} ({panel.unit}): {numbers}")


if __name__ == "__main__":
    main()
