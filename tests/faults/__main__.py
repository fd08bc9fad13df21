"""`python -m tests.faults`: fill the fault table and print it; exits with status 1 if a cell did not hold."""

import logging
import sys
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hydrochat_otel import install

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import table


def main():
    logging.getLogger("hydrochat_otel").addHandler(logging.NullHandler())
    logging.lastResort = None
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    pipeline = install(
        tracer_provider=tracer_provider,
        meter_provider=MeterProvider(),
        metrics_token="token-of-the-tests-1234",
        instrument_gemini=False,
        max_entries=100_000,
    )
    cells = table.table(pipeline)
    print(table.text(cells))
    for (part, kind), found in cells.items():
        if found != "held":
            print(f"{part}, {kind}: {found}")
    sys.exit(any(found != "held" for found in cells.values()))


if __name__ == "__main__":
    main()
