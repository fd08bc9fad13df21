"""The thresholds, as a pure function: from one snapshot to the indicators that need attention."""

from dataclasses import dataclass
from typing import Final, Literal

from hydrochat_otel import semconv
from hydrochat_otel.metrics_store import WARN_UTILIZATION_PERCENT
from hydrochat_otel.snapshot import Attributes, Snapshot
from hydrochat_otel.summary import summarise

MAX_ERROR_RATE: Final = 0.20
MAX_RETRIES: Final = 5
MIN_CALLS_FOR_ERROR_RATE: Final = 5
"""Calls below which no error rate is judged: one failure of one call is no 100 % outage."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One threshold that is exceeded: a stable name, a sentence for people, and the two numbers compared."""

    name: Literal["error_rate", "retries", "response_time", "storage", "unpriced_tokens", "unreconciled_calls"]
    message: str
    value: float
    threshold: float


def evaluate(snapshot: Snapshot) -> list[Alert]:
    """Return the thresholds that the snapshot exceeds, each at most once; exactly at a threshold is not exceeded.

    Storage is the exception: it warns from 80 % on. The error rate speaks of calls to Gemini since the start of the
    process; blocked and cancelled calls are no errors.
    """
    alerts: list[Alert] = []
    calls = snapshot.total(semconv.LLM_CALLS)
    failed = snapshot.total(semconv.LLM_CALLS, _is_error)
    if calls >= MIN_CALLS_FOR_ERROR_RATE and failed / calls > MAX_ERROR_RATE:
        rate = failed / calls
        message = f"High error rate: {rate:.1%} of {calls:.0f} calls to Gemini failed."
        alerts.append(Alert("error_rate", message, rate, MAX_ERROR_RATE))
    retries = snapshot.total(semconv.LLM_RETRIES)
    if retries > MAX_RETRIES:
        message = f"Many retries: {retries:.0f} requests had to be repeated."
        alerts.append(Alert("retries", message, retries, MAX_RETRIES))
    violations = summarise(snapshot.operations()).threshold_violations
    if violations:
        message = f"Slow responses: {violations} retained operations exceeded their threshold."
        alerts.append(Alert("response_time", message, violations, 0))
    percent = snapshot.retention.storage_utilization_percent
    if percent >= WARN_UTILIZATION_PERCENT:
        message = f"Storage is {percent:.0f} % full; the oldest entries leave first."
        alerts.append(Alert("storage", message, percent, WARN_UTILIZATION_PERCENT))
    if unpriced := snapshot.total(semconv.LLM_UNPRICED_TOKENS):
        message = f"Unpriced: {unpriced:.0f} tokens have no known price and are missing from the cost."
        alerts.append(Alert("unpriced_tokens", message, unpriced, 0))
    if unreconciled := snapshot.total(semconv.LLM_UNRECONCILED_CALLS):
        message = f"Unreconciled: {unreconciled:.0f} calls have no usage record that balances."
        alerts.append(Alert("unreconciled_calls", message, unreconciled, 0))
    return alerts


def _is_error(attributes: Attributes) -> bool:
    return attributes.get(semconv.OUTCOME) == "error"
