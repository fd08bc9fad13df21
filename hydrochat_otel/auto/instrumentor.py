"""The Gemini instrumentation under the name by which auto-instrumentation switches it on and off."""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # its module has no types

from hydrochat_otel.auto import start
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.pipeline import Pipeline, PipelineError


class HydroChatInstrumentor(BaseInstrumentor):  # type: ignore[misc] # see its import
    """Switches the counting of Gemini calls on and off; on, it installs the pipeline where there is none.

    ``HYDROCHAT_INSTRUMENT_GEMINI=0`` wins, so that the operator of a service has the last word.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the versions of the SDK that can be instrumented."""
        return ("google-genai >= 1.41, < 4",)

    def _instrument(self, **_: Any) -> None:
        # Under auto-instrumentation there is a pipeline by now, or a reason why there is none, which was logged.
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
