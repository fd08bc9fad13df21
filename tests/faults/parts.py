"""The parts that telemetry leans on, each with the work that reaches it and with what its failure may cost."""

from dataclasses import dataclass

SPANS, OPERATIONS, CALLS, MONEY, WINDOW, SCRAPE = "spans", "operations", "calls", "money", "window", "scrape"
"""What is compared: exported spans, counted operations and calls, dollars, the window, and what is served."""


@dataclass(frozen=True)
class Part:
    """One function that can fail.

    Attributes:
        where: Its module and its name in it.
        costs: The books that may miss what a failure hit; all others must be exact.
        contained: Whether its caller is a library that counts and reports the failure itself.
        fast: Whether the fast ways are on; the part is on the public way if not.
        work: What reaches it: the host's work with a scrape, or something of its own.
    """

    where: str
    costs: frozenset = frozenset()
    contained: bool = False
    fast: bool = True
    work: str = "host"


def _part(where, *costs, **more):
    return Part(where, frozenset(costs), **more)


SDK = "opentelemetry.sdk"
OURS = "hydrochat_otel"
_BEGIN = (OPERATIONS, CALLS, MONEY, WINDOW, SPANS)

PARTS = {
    "instrument": _part(
        f"{SDK}.metrics._internal.measurement_consumer:SynchronousMeasurementConsumer.consume_measurement",
        *(OPERATIONS, CALLS, MONEY),
        fast=False,
    ),
    "aggregation": _part(
        f"{SDK}.metrics._internal.aggregation:_SumAggregation.aggregate", CALLS, MONEY, SCRAPE, fast=False
    ),
    "aggregation: collected": _part(f"{SDK}.metrics._internal.aggregation:_SumAggregation.collect", SCRAPE),
    "reader": _part(f"{OURS}.sdk.reader:SnapshotReader.read", SCRAPE),
    "gauge": _part(f"{OURS}.pipeline.assembly:Pipeline.spent", fast=False),
    "exporter of spans": _part(
        f"{SDK}.trace.export.in_memory_span_exporter:InMemorySpanExporter.export", SPANS, contained=True
    ),
    "processor: start": _part(f"{SDK}.trace.export:SimpleSpanProcessor.on_start", SPANS),
    "processor: end": _part(f"{SDK}.trace.export:SimpleSpanProcessor.on_end", SPANS),
    "sampler": _part(f"{SDK}.trace.sampling:ParentBased.should_sample", SPANS, fast=False),
    "id generator: trace": _part(f"{SDK}.trace.id_generator:RandomIdGenerator.generate_trace_id", SPANS, fast=False),
    "id generator: span": _part(f"{SDK}.trace.id_generator:RandomIdGenerator.generate_span_id", SPANS, fast=False),
    "tracer": _part(f"{SDK}.trace:Tracer.start_span", SPANS, fast=False),
    "span: attributes": _part(f"{SDK}.trace:Span.set_attributes", SPANS, fast=False),
    "span: end": _part(f"{SDK}.trace:Span.end", SPANS, fast=False),
    "retention": _part(f"{OURS}.sdk.span_processor:RetentionSpanProcessor.on_end"),
    "price book": _part(f"{OURS}.prices.book:PriceBook.rate", MONEY),
    "price file": _part(f"{OURS}.prices.price_file:read_table", work="refresh"),
    "labels": _part(f"{OURS}.instrumentation.labels:ClosedSet.admit", *_BEGIN),
    "window": _part(f"{OURS}.window.store:MetricsStore.take", WINDOW),
    "notable turns": _part(f"{OURS}.window.notable:NotableTurns.see"),
    "state: outbox": _part(f"{OURS}.window.outbox:Outbox.trim", WINDOW),
    "state: exchange": _part(f"{OURS}.fleet.member:Member.exchange", SCRAPE),
    "state: backend": _part(f"{OURS}.fleet.sqlite.backend:SqliteBackend.exchange", SCRAPE),
    "renderer: prometheus": _part(f"{OURS}.views.prometheus.exposition:_head", SCRAPE),
    "renderer: export": _part(f"{OURS}.views.json_export:_budget", SCRAPE),
    "web: access": _part(f"{OURS}.web.guard:decision", SCRAPE),
    "web: delivery": _part(f"{OURS}.web.delivery:_varying", SCRAPE),
    "settings": _part(f"{OURS}.settings:Settings.load", work="first use"),
    "clock: monotonic": _part("time:perf_counter_ns", *_BEGIN),
    "clock: wall": _part(f"{OURS}.instrumentation.operation:time.time_ns", *_BEGIN),
    "logging: handler": _part("logging:Handler.handle", contained=True),
    "logging: logger": _part("logging:Logger.callHandlers", contained=True),
    "threads: start": _part("threading:Thread.start", work="first use"),
    "queue: put": _part(f"{OURS}.runtime.deferred_queue:DeferredQueue.put", OPERATIONS, CALLS, MONEY, WINDOW),
    "queue: drain": _part(f"{OURS}.runtime.deferred_queue:DeferredQueue.drain", SCRAPE),
    "reply": _part(f"{OURS}.instrumentation.gemini.reply_facts:read", CALLS, MONEY, WINDOW),
    "attempt": _part(f"{OURS}.instrumentation.gemini.attempts:Attempts.__exit__", CALLS, MONEY, WINDOW),
    "call labels": _part(f"{OURS}.instrumentation.gemini.call_labels:CallLabelCache.at", CALLS, MONEY, SPANS, WINDOW),
    "collector": _part(f"{OURS}.runtime.collection:is_running", *_BEGIN),
}
