"""Reads metrics and spans as plain data from providers of a test's own."""

import os
from collections import Counter

from instrumentation.gemini.scenario_runner import Expected
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.sdk import lean_spans, sdk_feeds
from hydrochat_otel.window.kept import made


class Meters:
    """Providers with exporters in memory, and the instruments on them; fast unless `HYDROCHAT_FAST` is 0."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.kept = []
        fast = os.environ.get("HYDROCHAT_FAST", "1") != "0"
        self.instruments = Instruments(
            lean_spans.lean(self.tracer_provider.get_tracer(semconv.SCOPE), fast=fast),
            self.meter_provider.get_meter(semconv.SCOPE),
            feeder=sdk_feeds.feeder(fast=fast),
            keep=self.kept.extend,
        )

    def close(self):
        """Shut the providers down."""
        self.meter_provider.shutdown()
        self.tracer_provider.shutdown()

    @property
    def spans(self):
        """The spans that have ended, in that order; those of dropped streams end when the queue drains."""
        self.instruments.queue.drain()
        return self.exporter.get_finished_spans()

    @property
    def entries(self):
        """What the window keeps, in the order in which it ended."""
        self.instruments.queue.drain()
        return made(self.kept)

    def points(self, spec):
        """The data points of one metric, as (attributes, value) or (attributes, count, sum)."""
        data = self.reader.get_metrics_data()
        found = []
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == spec.name:
                        found.extend(metric.data.data_points)
        return [
            (dict(point.attributes), point.value)
            if hasattr(point, "value")
            else (dict(point.attributes), point.count, point.sum)
            for point in found
        ]

    def by(self, spec, *names):
        """A counter's sums by the values of some attributes."""
        sums = Counter()
        for attributes, value in self.points(spec):
            key = tuple(str(attributes.get(name, "")) for name in names)
            sums[key[0] if len(key) == 1 else key] += value
        return dict(sums)

    def total(self, spec):
        """The sum of a counter."""
        return sum(value for _, value in self.points(spec))

    def measured(self):
        """Return all fields of :class:`Expected`."""
        by_bucket = self.by(semconv.LLM_TOKENS, semconv.TOKEN_BUCKET)
        return Expected(
            calls=self.by(semconv.LLM_CALLS, semconv.OUTCOME),
            tokens=tuple(by_bucket.get(bucket, 0) for bucket in semconv.TOKEN_BUCKETS),
            cost_usd=float(self.total(semconv.LLM_COST)),
            unpriced_tokens=self.total(semconv.LLM_UNPRICED_TOKENS),
            unreconciled_calls=self.total(semconv.LLM_UNRECONCILED_CALLS),
            attempts=self.total(semconv.LLM_ATTEMPTS),
            retries=self.total(semconv.LLM_RETRIES),
            incomplete_calls=self.total(semconv.LLM_INCOMPLETE_CALLS),
            charged_usd=float(self.total(semconv.LLM_CHARGES)),
            saved_usd=float(self.total(semconv.LLM_SAVINGS)),
        )
