"""HydroChat's client for Gemini on the official SDK: intents and patient fields when the rules do not suffice.

Nothing here raises into a chat turn, logs what a user wrote, or keeps books: the metrics are the pipeline's.
"""

from hydrochat_otel.gemini_client_v2.client import (
    GeminiClientV2,
    classify_intent_fallback_v2,
    extract_fields_fallback_v2,
)
from hydrochat_otel.gemini_client_v2.metrics import calculate_cost, get_gemini_metrics_v2, reset_gemini_metrics_v2

__all__ = [
    "GeminiClientV2",
    "calculate_cost",
    "classify_intent_fallback_v2",
    "extract_fields_fallback_v2",
    "get_gemini_metrics_v2",
    "reset_gemini_metrics_v2",
]
