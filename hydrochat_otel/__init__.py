"""OpenTelemetry for Python services that talk to Google Gemini.

    call site ──► operation or call ──► finished record ──► window, counters, histograms
      performance.track_response_time                                  │
      google_genai instrumentor                                        ▼
                                        snapshot ──► /metrics (Prometheus) · JSON export · page · alerts

The names of this module and of :data:`PUBLIC_MODULES` are public: they change by deprecation only. Every other module
may change in any version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from hydrochat_otel.runtime import first_use, process_globals
from hydrochat_otel.version import __version__

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.attribution import cost_dimensions
    from hydrochat_otel.instrumentation.tracker import (
        get_performance_metrics,
        get_performance_summary,
        track_response_time,
    )
    from hydrochat_otel.pipeline.assembly import Pipeline, PipelineError
    from hydrochat_otel.pipeline.pipeline import current, install, shutdown
    from hydrochat_otel.reporting.report import Report, report
    from hydrochat_otel.settings import Settings, SettingsError

PUBLIC_MODULES: Final = (
    "hydrochat_otel",
    "hydrochat_otel.agent_stats",
    "hydrochat_otel.alerting",
    "hydrochat_otel.django",
    "hydrochat_otel.django.rest",
    "hydrochat_otel.django.urls",
    "hydrochat_otel.enums",
    "hydrochat_otel.gemini_client_v2",
    "hydrochat_otel.langgraph",
    "hydrochat_otel.metrics_store",
    "hydrochat_otel.performance",
    "hydrochat_otel.server",
    "hydrochat_otel.testing",
    "hydrochat_otel.web",
)
"""Every module that an application may import; `hydrochat_otel.django` belongs in INSTALLED_APPS."""

__all__ = [
    "PUBLIC_MODULES",
    "Pipeline",
    "PipelineError",
    "Report",
    "Settings",
    "SettingsError",
    "__version__",
    "cost_dimensions",
    "current",
    "get_performance_metrics",
    "get_performance_summary",
    "install",
    "report",
    "shutdown",
    "track_response_time",
]

_LATER: Final = {
    "cost_dimensions": "instrumentation.attribution",
    **dict.fromkeys(
        ("get_performance_metrics", "get_performance_summary", "track_response_time"), "instrumentation.tracker"
    ),
    **dict.fromkeys(("Pipeline", "PipelineError"), "pipeline.assembly"),
    **dict.fromkeys(("current", "install", "shutdown"), "pipeline.pipeline"),
    **dict.fromkeys(("Report", "report"), "reporting.report"),
    **dict.fromkeys(("Settings", "SettingsError"), "settings"),
}
"""Public names and their modules, which are imported with the name: the command line ends silently if Ctrl-C arrives
while it imports, and an application that only decorates functions does not wait for the SDK."""


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(f"hydrochat_otel.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _install_quietly() -> None:
    import_module("hydrochat_otel.pipeline.pipeline").install_on_first_use()


def _install_on_first_use() -> None:
    first_use.on_first_use(_install_quietly)


_install_on_first_use()
process_globals.register("first use", _install_on_first_use)
