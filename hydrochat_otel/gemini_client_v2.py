"""Re-exports HydroChat's Gemini client under the import name of the original system."""

from hydrochat_otel.hydrochat.client.client import (
    GeminiClientV2,
    classify_intent_fallback_v2,
    extract_fields_fallback_v2,
)
from hydrochat_otel.hydrochat.client.metrics import calculate_cost, get_gemini_metrics_v2, reset_gemini_metrics_v2

__all__ = [
    "GeminiClientV2",
    "calculate_cost",
    "classify_intent_fallback_v2",
    "extract_fields_fallback_v2",
    "get_gemini_metrics_v2",
    "reset_gemini_metrics_v2",
]
