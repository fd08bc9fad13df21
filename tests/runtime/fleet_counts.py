"""What the processes of a shared state counted, read from the state after they have ended."""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

import hydrochat_otel
from hydrochat_otel.testing import Measured


def counted(state: str) -> int:
    """Return the number of operations in the state."""
    pipeline = hydrochat_otel.install(
        tracer_provider=TracerProvider(), meter_provider=MeterProvider(), state=state, instrument_gemini=False
    )
    try:
        return int(Measured(pipeline).value("hydrochat.operation.duration"))
    finally:
        hydrochat_otel.shutdown()
