"""What the window and its views cost beside the obvious code: kept entries, export, overview, history, a page.

A view is measured as a service asks for it: before each rendering some entries arrive and as many leave, for ours and
for the obvious code alike; both take turns. The snapshot is there, as are the rows of the obvious code, which are
dictionaries; but in the last view records of both become dictionaries first. What is rendered for the first time, when
nothing of it is known from an earlier rendering, has rows of its own, and so has the snapshot.

Kept entries are measured in full windows of the usual and of a large size. Keeping begins with finished work: ours with
its frozen record, which the queue settles and the window packs; the SDK's with an ended span, of which `Span.end` makes
the readable one and hands it to the processor that exports it. A row beside has spans that are readable already; there
ours still begins with the record.
"""

import gc
import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Self

from benchmarks.measuring import Row, best_us
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation, OperationLabels
from hydrochat_otel.runtime.deferred_queue import DeferredQueue
from hydrochat_otel.views import entry_page, formats, history, json_export, overview
from hydrochat_otel.views.entry_page import Filter
from hydrochat_otel.views.history import Steps
from hydrochat_otel.window import digest
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Retention, Sharing, Snapshot
from hydrochat_otel.window.store import MetricsStore

KEPT = 2000
BATCH = 50
"""Entries that a drain keeps at once."""
NEW = 20
"""Entries that arrive between two renderings."""
FEW = 1000
NOW_UNIX_S = 1_800_000_000.0


def entries(number: int, more: int = 0, *, begin: int = 0, end: int | None = None) -> tuple[Entry, ...]:
    """Return that many entries of the last day, and some more after them, as tracked operations leave them."""
    names = [f"operation.{place}" for place in range(20)]
    return tuple(
        Entry(
            "operation",
            names[place % 20],
            0.01 * (place % 300),
            NOW_UNIX_S - 80_000 * (1 - place / number),
            place % 300 > 200,
            trace_id=(place + 1) * 7**40 % 2**128,
            span_id=(place + 1) * 7**20 % 2**64,
            role="root",
            root_operation=names[place % 20],
        )
        for place in range(begin, number + more if end is None else end)
    )


def snapshot_of(store: MetricsStore, unix_s: float) -> Snapshot:
    """Return a snapshot of a process with this window and no metrics."""
    contents = store.contents()
    retention = Retention(contents.max_entries, contents.ttl_hours, contents.current_entries, 100.0)
    return Snapshot(unix_s, {}, (), contents.entries, retention, Budget(), sharing=Sharing())


def summary(rows: list[dict[str, object]]) -> dict[str, object]:
    """Return the numbers of a list of dictionaries with `statistics`."""
    durations = [row["duration"] for row in rows]
    cuts = statistics.quantiles(durations, n=100) if len(durations) > 1 else [0.0] * 99
    return {
        "count": len(rows),
        "avg": statistics.mean(durations),
        "max": max(durations),
        "p50": cuts[49],
        "p95": cuts[94],
        "p99": cuts[98],
        "violations": sum(row["exceeded_threshold"] for row in rows),
    }


def grouped(rows: list[dict[str, object]], key: Callable[[dict[str, object]], object]) -> dict[str, object]:
    """Return the numbers of each group of rows."""
    groups: dict[object, list[dict[str, object]]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {str(name): summary(group) for name, group in groups.items()}


def obvious_export(rows: list[dict[str, object]]) -> str:
    """Return the summary as JSON."""
    return json.dumps(summary(rows))


def obvious_overview(rows: list[dict[str, object]]) -> str:
    """Return the numbers of the whole and of the last hours, by operation, and the newest points, as JSON."""
    now, windows = rows[-1]["timestamp"], {}
    for hours in (1, 6, 24):
        inside = [row for row in rows if row["timestamp"] >= now - timedelta(hours=hours)]
        windows[hours] = {"whole": summary(inside), "operations": grouped(inside, lambda row: row["operation"])}
    points = [(str(row["timestamp"]), row["duration"], row["operation"]) for row in rows[-1000:]]
    return json.dumps({"windows": windows, "points": points})


def obvious_history(rows: list[dict[str, object]]) -> str:
    """Return the numbers of each hour as JSON."""
    return json.dumps(grouped(rows, lambda row: row["timestamp"].replace(minute=0, second=0, microsecond=0)))


def obvious_page(rows: list[dict[str, object]]) -> str:
    """Return the newest hundred of a list of dictionaries as JSON."""
    newest = sorted(rows, key=lambda row: row["timestamp"], reverse=True)[:100]
    return json.dumps([{**row, "timestamp": str(row["timestamp"])} for row in newest])


def obvious_page_of_kept(kept: tuple[Entry, ...]) -> str:
    """Return the same of records that become dictionaries first."""
    return obvious_page([one.as_dict() for one in kept])


def rendered_history(snapshot: Snapshot) -> bytes:
    """Return our history of the last day by hours as JSON."""
    return formats.encoded(history.from_window(snapshot, Steps.over(snapshot.unix_s, 86_400, 3600)))


def rendered_page(snapshot: Snapshot) -> bytes:
    """Return our page of the newest hundred as JSON."""
    return formats.encoded(entry_page.page(snapshot.entries, Filter(entries=True)))


VIEWS = (
    ("export", json_export.render, obvious_export),
    ("overview", lambda snapshot: overview.render(snapshot, ()), obvious_overview),
    ("history", rendered_history, obvious_history),
    ("page of 100", rendered_page, obvious_page),
    ("page of 100 of what is kept", rendered_page, obvious_page_of_kept),
)


def of_views(number: int) -> Iterator[Row]:
    """Yield the rows of the views over that many entries, of the first rendering and of later ones."""
    rounds = 15 if number <= FEW else 5
    kept = entries(number, NEW * rounds)
    rows = [one.as_dict() for one in kept]
    for name, render, obvious in VIEWS:
        store = MetricsStore(max_entries=number)
        store.extend(kept[:number])
        digest.forget()
        snapshot = snapshot_of(store, kept[number - 1].end_unix_s)
        first = best_us(lambda render=render, snapshot=snapshot: render(snapshot), rounds=1)
        ours, theirs = [], []
        for end in range(number + NEW, number + NEW * rounds + 1, NEW):
            store.extend(kept[end - NEW : end])
            snapshot, window = snapshot_of(store, kept[end - 1].end_unix_s), slice(end - number, end)
            known = kept[window] if obvious is obvious_page_of_kept else rows[window]
            ours.append(best_us(lambda render=render, snapshot=snapshot: render(snapshot), rounds=1))
            theirs.append(best_us(lambda obvious=obvious, known=known: obvious(known), rounds=1))
        peer = "statistics + json"
        usual = statistics.median(theirs)
        target = (0.3 if "page" in name else 0.25) if number <= FEW else 0.05
        yield Row(f"{name}, {number} entries, {NEW} of them new", peer, statistics.median(ours), usual, target)
        yield Row(f"{name}, {number} entries, all of them new", peer, first, usual)
    taken = [best_us(lambda: snapshot_of(store, NOW_UNIX_S), rounds=1) for _ in range(15)]
    copied = [best_us(lambda: rows[-number:], rounds=1) for _ in range(15)]
    yield Row(f"the snapshot of {number} entries", "list[:]", statistics.median(taken), statistics.median(copied))


class _NoInstruments:
    """Feeds nothing: only keeping is measured."""

    def operations(self, labels: OperationLabels, error_type: str | None) -> Self:
        """Return what takes operations."""
        return self

    def take(self, work: FinishedOperation) -> None:
        """Do nothing."""

    def take_first(self, work: list[FinishedOperation], number: int) -> None:
        """Do nothing with so many of the first, and remove them."""
        del work[:number]


_USING = _NoInstruments()
_NAMES = [f"operation.{place}" for place in range(20)]
_LABELS = [OperationLabels(_USING, name, "root", name) for name in _NAMES]


def records(number: int) -> Iterator[FinishedOperation]:
    """Yield the records of that many operations, as tracked operations with a span leave them."""
    for place in range(number):
        end_ns = int(NOW_UNIX_S * 1e9) + 1000 * place
        ids = random.getrandbits(128), random.getrandbits(64)
        ended = Ended(random.random(), end_ns, "ok", None, *ids, is_sampled=True, is_traced=True)
        yield FinishedOperation(*ended, _LABELS[place % len(_LABELS)], place % 300 > 200)


def ended_spans() -> list[Any]:
    """Return spans that have ended, with the attributes of an operation."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("peer")
    spans = []
    for _ in range(KEPT):
        span = tracer.start_span("operation", attributes={semconv.OPERATION: "operation", semconv.ROLE: "root"})
        span.end()
        spans.append(span)
    return spans


def readable_spans() -> list[ReadableSpan]:
    """Return the same as what an exporter keeps."""
    return [span._readable_span() for span in ended_spans()]


def kept_us(queue: DeferredQueue, number: int) -> float:
    """Settle the records of that many new operations; return the microseconds of each."""
    taken_s = 0.0
    for begin in range(0, number, BATCH):
        for record in records(min(BATCH, number - begin)):
            queue.put(record)
        started = time.process_time()
        queue.settle()
        taken_s += time.process_time() - started
        queue.drain()  # feeds nothing, and lets go of the records
    return taken_s / number * 1e6


def full_window(number: int) -> MetricsStore:
    """Return a window that has kept as many operations as it holds."""
    store = MetricsStore(max_entries=number)
    kept_us(DeferredQueue(keep=store.extend), number)
    return store


def exported_us(on_end: Callable[[Any], None], finished: Iterable[Any]) -> float:
    """Return the microseconds in which a processor's function takes each of the spans."""
    started = time.process_time()
    for span in finished:
        on_end(span)
    return (time.process_time() - started) / KEPT * 1e6


def of_keeping(number: int) -> Iterator[Row]:
    """Yield memory and rate of kept entries in a full window of that many."""
    kept, theirs = _bytes(lambda: full_window(number)) / number, _bytes(readable_spans) / KEPT
    yield Row(f"kept entry, window of {number}", "ReadableSpan", round(kept), round(theirs), 0.045, "B")
    queue, spans, readable = DeferredQueue(keep=full_window(number).extend), ended_spans(), readable_spans()
    costs = []
    for _ in range(15):
        exporter = InMemorySpanExporter()
        on_end = SimpleSpanProcessor(exporter).on_end
        ended_us = exported_us(on_end, (span._readable_span() for span in spans))
        exporter.clear()
        costs.append((kept_us(queue, KEPT), ended_us, exported_us(on_end, readable)))
    ours, ended, of_readable = (1 / statistics.median(column) for column in zip(*costs, strict=True))
    peer = "InMemorySpanExporter"
    yield Row(f"keeping, window of {number}", peer, ours, ended, 1.8, "per µs", more_is_better=True)
    yield Row(f"keeping, window of {number}; spans are readable", peer, ours, of_readable, None, "per µs")


def _bytes(make: Callable[[], object]) -> int:
    """Return the bytes of what is made and stays."""
    make()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    made = make()
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del made
    return used


def rows(*, most: int = 100_000) -> Iterator[Row]:
    """Yield every row."""
    for number in (1000, 100_000):
        if number <= most:
            yield from of_keeping(number)
            yield from of_views(number)
