"""The sampler of providers that we make: exports what the operator's sampler selects, and records everything."""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes


class RetainingSampler(Sampler):
    """Records, without exporting, what the other sampler would drop, so that the window gets every span."""

    def __init__(self, exporting: Sampler) -> None:
        self._exporting = exporting

    def should_sample(  # noqa: PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Call the other sampler, and turn a drop into recording only."""
        result = self._exporting.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is Decision.DROP:
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        """Name both samplers."""
        return f"RetainingSampler{{{self._exporting.get_description()}}}"
