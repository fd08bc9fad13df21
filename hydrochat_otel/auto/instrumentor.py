"""The Gemini instrumentation under the name that switches it on and off in auto-instrumentation."""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # its module has no types

from hydrochat_otel.auto import start
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import Pipeline, PipelineError


class HydroChatInstrumentor(BaseInstrumentor):  # type: ignore[misc] # see its import
    """Switches the counting of Gemini calls on and off; when switched on, it installs a missing pipeline.

    ``HYDROCHAT_INSTRUMENT_GEMINI=0`` wins, so that the operator of a service decides.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the versions of the SDK that can be instrumented."""
        return ("google-genai >= 1.41, < 4",)

    def _instrument(self, **_: Any) -> None:
        # Under auto-instrumentation the pipeline exists by now, or the log has the reason why not.
        running = _running() if start.is_in_charge() else pipeline.install()
        if running is not None and running.settings.instrument_gemini:
            running.instrumentor.instrument()

    def _uninstrument(self, **_: Any) -> None:
        running = _running()
        if running is not None:
            running.instrumentor.uninstrument()


def _running() -> Pipeline | None:
    try:
        return pipeline.current()
    except PipelineError:
        return None
