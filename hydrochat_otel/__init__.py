"""OpenTelemetry for Python services that talk to Google Gemini.

    call site ──► operation (clock, span, outcome) ──► spans ──► retention (newest 1000 / 24 h)
      performance.track_response_time │                                  │
      google_genai instrumentor       └──► deferred queue ──► instruments (histograms, counters)
                                                                  │      │
                                                                  ▼      ▼
                                                snapshot: one frozen picture of both
                                                                  │      │
                                               /metrics (Prometheus)     JSON export · page · alerts

The write side (left) knows the OpenTelemetry API only; :mod:`hydrochat_otel.pipeline.pipeline` joins it to the SDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.tracker import get_performance_metrics, get_performance_summary, track_response_time
from hydrochat_otel.settings import Settings, SettingsError

if TYPE_CHECKING:
    from hydrochat_otel.pipeline.pipeline import Pipeline, PipelineError, current, install, shutdown

__version__ = "0.1.0"

__all__ = [
    "Pipeline",
    "PipelineError",
    "Settings",
    "SettingsError",
    "__version__",
    "current",
    "get_performance_metrics",
    "get_performance_summary",
    "install",
    "shutdown",
    "track_response_time",
]

_OF_PIPELINE = frozenset({"Pipeline", "PipelineError", "current", "install", "shutdown"})


def __getattr__(name: str) -> object:
    # The pipeline brings the SDK (0.1 s); an application that only decorates functions need not wait for it here.
    if name in _OF_PIPELINE:
        return getattr(import_module("hydrochat_otel.pipeline.pipeline"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _install_quietly() -> None:
    import_module("hydrochat_otel.pipeline.pipeline").install_on_first_use()


instruments.on_first_use(_install_quietly)
