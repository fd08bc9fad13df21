"""Statistics of the assistant for one conversation: its own counts, and what the pipeline measured for all."""

from collections.abc import Mapping
from typing import Any, Final

from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.views import json_export, thresholds
from hydrochat_otel.views.thresholds import performance_indicators
from hydrochat_otel.window.snapshot import Retention, Snapshot

_COUNTS: Final = ("total_api_calls", "successful_ops", "aborted_ops", "retries")
_NOTHING: Final = Snapshot(0.0, {}, (), (), Retention(0, 0.0, 0, 0.0))


class AgentStats:
    """Summarises a conversation; the shared instance is :data:`agent_stats`."""

    def generate_stats_summary(self, conversation_state: Any) -> dict[str, Any]:
        """Return the statistics of a conversation.

        Args:
            conversation_state: Its `metrics` (attribute or key) hold `total_api_calls`, `successful_ops`, `aborted_ops`
                and `retries`; a missing value or one that is not a number counts as 0.

        Returns:
            `conversation_metrics`, those four and `error_rate` (0 to 1): the share of the finished operations,
            successful and aborted, that were aborted. `performance_indicators`, what in this conversation needs
            attention: `warnings` and `overall_health` (``healthy`` or ``needs_attention``). `llm_api_metrics` and
            `performance_metrics`, the export's sections of those names, for the whole process. `system_indicators`:
            like `performance_indicators`, for the whole process.
        """
        counts = _counts_of(conversation_state)
        successful, aborted = counts["successful_ops"], counts["aborted_ops"]
        finished = successful + aborted
        found = thresholds.evaluate_conversation(successful, aborted, counts["retries"])
        return {
            "conversation_metrics": {**counts, "error_rate": aborted / finished if finished > 0 else 0.0},
            "performance_indicators": performance_indicators(found),
            **_of_process(),
        }


def _counts_of(conversation_state: Any) -> dict[str, float]:
    metrics = _read(conversation_state, "metrics")
    return {name: _number(_read(metrics, name)) for name in _COUNTS}


def _read(container: Any, name: str) -> Any:
    return container.get(name) if isinstance(container, Mapping) else getattr(container, name, None)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else 0


def _of_process() -> dict[str, Any]:
    """Return the sections that cover the whole process, all from one snapshot."""
    instruments.current()  # installs the pipeline on first use if the application did not
    try:
        snapshot = pipeline.current().snapshot(fresh=False)
    except PipelineError:
        snapshot = _NOTHING
    exported = json_export.document(snapshot)
    return {
        "llm_api_metrics": exported["llm_api_metrics"],
        "performance_metrics": exported["performance_metrics"],
        "system_indicators": performance_indicators(thresholds.evaluate(snapshot)),
    }


agent_stats: Final = AgentStats()
