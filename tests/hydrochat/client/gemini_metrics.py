"""Messages and replies of these tests, and the metrics that they give."""

from hydrochat_otel.gemini_client_v2 import get_gemini_metrics_v2

SECRET = "register Tan Wei Ling, S8512340X"
CREATE = '{"intent": "CREATE_PATIENT"}'
NOTHING_COUNTED = {
    "successful_calls": 0,
    "failed_calls": 0,
    "total_tokens_used": 0,
    "prompt_tokens_used": 0,
    "completion_tokens_used": 0,
    "total_cost_usd": 0.0,
    "unpriced_calls": 0,
    "unpriced_tokens": 0,
    "unreconciled_calls": 0,
    "incomplete_calls": 0,
    "last_call_timestamp": None,
}


def counted(*keys):
    """Return the metrics of these keys."""
    metrics = get_gemini_metrics_v2()
    return [metrics[key] for key in keys]
