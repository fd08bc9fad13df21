"""The fault table: each part that telemetry depends on, with each fault, under a host that must not notice.

`python -m tests.faults` prints it. A cell is "held" if the host's results, errors and context were the same as without
the fault, and its work was counted again afterwards.
"""

import importlib
import time
import types

from faults import hosts
from faults.interrupting import track

PARTS = {
    "instrument: counter": "opentelemetry.sdk.metrics._internal.instrument:Counter.add",
    "instrument: histogram": "opentelemetry.sdk.metrics._internal.instrument:Histogram.record",
    "exporter of spans": "opentelemetry.sdk.trace.export.in_memory_span_exporter:InMemorySpanExporter.export",
    "processor: start": "opentelemetry.sdk.trace.export:SimpleSpanProcessor.on_start",
    "processor: end": "opentelemetry.sdk.trace.export:SimpleSpanProcessor.on_end",
    "sampler": "opentelemetry.sdk.trace.sampling:ParentBased.should_sample",
    "id generator: trace": "opentelemetry.sdk.trace.id_generator:RandomIdGenerator.generate_trace_id",
    "id generator: span": "opentelemetry.sdk.trace.id_generator:RandomIdGenerator.generate_span_id",
    "tracer": "opentelemetry.sdk.trace:Tracer.start_span",
    "span: attributes": "opentelemetry.sdk.trace:Span.set_attributes",
    "span: end": "opentelemetry.sdk.trace:Span.end",
    "retention": "hydrochat_otel.sdk.span_processor:RetentionSpanProcessor.on_end",
    "price book": "hydrochat_otel.prices.book:PriceBook.cost_usd",
    "labels": "hydrochat_otel.instrumentation.labels:ClosedSet.admit",
    "window": "hydrochat_otel.window.store:MetricsStore.append",
    "state: outbox": "hydrochat_otel.window.outbox:Outbox.put",
    "state: publisher": "hydrochat_otel.fleet.publisher:Publisher.publish",
    "settings": "hydrochat_otel.settings:Settings.load",
    "clock: monotonic": "time:perf_counter_ns",
    "clock: wall": "hydrochat_otel.instrumentation.operation:time.time_ns",
    "logging: handler": "logging:Handler.handle",
    "logging: logger": "logging:Logger.callHandlers",
    "threads: start": "threading:Thread.start",
    "files": "pathlib:Path.read_bytes",
    "queue: put": "hydrochat_otel.runtime.deferred_queue:DeferredQueue.put",
    "queue: settle": "hydrochat_otel.runtime.deferred_queue:DeferredQueue.settle",
    "queue: drain": "hydrochat_otel.runtime.deferred_queue:DeferredQueue.drain",
    "reply": "hydrochat_otel.instrumentation.gemini.reply_facts:plain",
    "attempt": "hydrochat_otel.instrumentation.gemini.attempts:Attempts.__exit__",
    "call labels": "hydrochat_otel.instrumentation.gemini.call_labels:Sites.at",
    "collector": "hydrochat_otel.runtime.collection:is_running",
}
DELAY_S = 0.002


class FaultError(Exception):
    """The exception of a faulty part."""


class FaultBaseError(BaseException):
    """The same, past `except Exception`."""


def _raises(_original):
    def fault(*args, **kwargs):
        raise FaultError

    return fault


def _raises_base(_original):
    def fault(*args, **kwargs):
        raise FaultBaseError

    return fault


def _delays(original):
    def fault(*args, **kwargs):
        time.sleep(DELAY_S)
        return original(*args, **kwargs)

    return fault


def _returns_nonsense(_original):
    return lambda *args, **kwargs: object()


def _reenters(original):
    inside = []

    def fault(*args, **kwargs):
        if not inside:
            inside.append(True)
            try:
                with track:
                    pass
            finally:
                inside.pop()
        return original(*args, **kwargs)

    return fault


KINDS = {
    "raises": _raises,
    "BaseException": _raises_base,
    "delays": _delays,
    "nonsense": _returns_nonsense,
    "re-enters": _reenters,
}


def cell(part, kind, pipeline):
    """Return "held", or what changed for the host."""
    module, _, path = PARTS[part].partition(":")
    owner = importlib.import_module(module)
    *classes, name = path.split(".")
    restore = None
    if classes == ["time"]:  # the clock of ours only: the host's libraries read it as well
        restore, owner.time = (owner, owner.time), types.SimpleNamespace(**vars(owner.time))
    for each in classes:
        owner = getattr(owner, each)
    original = vars(owner)[name]
    plain = getattr(original, "__func__", original)
    fault = KINDS[kind](plain)
    setattr(owner, name, type(original)(fault) if isinstance(original, classmethod | staticmethod) else fault)
    try:
        found = hosts.changes()
    finally:
        setattr(owner, name, original)
        if restore is not None:
            restore[0].time = restore[1]
    if found:
        return f"changed: {found}"
    before = pipeline.store.get_statistics()["total_entries"]
    again = hosts.changes()
    after = pipeline.store.get_statistics()["total_entries"]
    return "held" if not again and after > before else f"did not go on: {again}, {after - before} entries"


def table(pipeline):
    """Return every cell by part and kind."""
    return {(part, kind): cell(part, kind, pipeline) for part in PARTS for kind in KINDS}


def text(cells):
    """Return the table as text."""
    width = max(map(len, PARTS))
    lines = [" " * width + "".join(f"  {kind:>13}" for kind in KINDS)]
    lines += [f"{part:<{width}}" + "".join(f"  {cells[part, kind][:13]:>13}" for kind in KINDS) for part in PARTS]
    held = sum(found == "held" for found in cells.values())
    return "\n".join([*lines, f"{held} of {len(cells)} cells held"])
