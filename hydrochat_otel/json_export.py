"""The JSON export: the contract's four sections, rendered from one snapshot."""

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import orjson

from hydrochat_otel import semconv
from hydrochat_otel.snapshot import Snapshot
from hydrochat_otel.summary import summarise


def render(snapshot: Snapshot) -> bytes:
    """Return the export as JSON text in UTF-8; its shape is :func:`schema`."""
    return orjson.dumps(picture(snapshot), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def picture(snapshot: Snapshot) -> dict[str, Any]:
    """Return the export as a dictionary.

    `performance_metrics` speaks of the retained window, `llm_api_metrics` of the counters. Every call to Gemini is
    exactly one of successful, failed, cancelled and blocked, and `total_calls` is their sum.
    """
    performance = summarise(snapshot.operations())
    retention = snapshot.retention
    outcomes = snapshot.sums_by(semconv.LLM_CALLS, semconv.OUTCOME)
    buckets = snapshot.sums_by(semconv.LLM_TOKENS, semconv.TOKEN_BUCKET)
    input_tokens = sum(buckets.get((bucket,), 0) for bucket in semconv.INPUT_BUCKETS)
    output_tokens = sum(buckets.get((bucket,), 0) for bucket in semconv.OUTPUT_BUCKETS)
    return {
        "timestamp": datetime.fromtimestamp(snapshot.unix_s, UTC).isoformat(),
        "performance_metrics": {
            "metrics_count": performance.metrics_count,
            "max_response_time": performance.max_response_time,
            "avg_response_time": performance.avg_response_time,
            "threshold_violations": performance.threshold_violations,
        },
        "llm_api_metrics": {
            "total_calls": int(sum(outcomes.values())),
            "successful_calls": int(outcomes.get(("ok",), 0)),
            "failed_calls": int(outcomes.get(("error",), 0)),
            "cancelled_calls": int(outcomes.get(("cancelled",), 0)),
            "blocked_calls": int(outcomes.get(("blocked",), 0)),
            "total_tokens_used": int(input_tokens + output_tokens),
            "prompt_tokens": int(input_tokens),
            "completion_tokens": int(output_tokens),
            # A counter adds doubles; what is beyond a millionth of a millionth of a dollar is their rounding.
            "total_cost_usd": round(float(snapshot.total(semconv.LLM_COST)), 12),
        },
        "retention_policy": {
            "max_entries": retention.max_entries,
            "ttl_hours": retention.ttl_hours,
            "current_entries": retention.current_entries,
            "storage_utilization_percent": round(retention.storage_utilization_percent, 4),
        },
    }


def schema() -> bytes:
    """Return the JSON Schema (draft 2020-12) of the export."""
    return files("hydrochat_otel").joinpath("assets/schema/export.schema.json").read_bytes()
