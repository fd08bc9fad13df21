"""The thresholds, as a pure function: from one snapshot to the indicators that need attention."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hydrochat_otel import semconv
from hydrochat_otel.semconv import Period
from hydrochat_otel.window import digest
from hydrochat_otel.window.snapshot import Attributes, Budget, Snapshot
from hydrochat_otel.window.store import WARN_UTILIZATION_PERCENT

MAX_ERROR_RATE: Final = 0.20
MAX_RETRIES: Final = 5
MIN_CALLS_FOR_ERROR_RATE: Final = 5
"""Calls below which no error rate is evaluated: one failure of one call is not a 100 % outage."""
BUDGET_PERCENTS: Final = (50.0, 80.0, 100.0)
BUDGET_ATTENTION_PERCENT: Final = 80.0
"""From this share of a budget on, an alert needs attention; below it is for information."""

AlertName = Literal[
    "error_rate",
    "retries",
    "response_time",
    "storage",
    "unpriced_tokens",
    "unreconciled_calls",
    "budget",
    "forecast",
    "state",
]


@dataclass(frozen=True, slots=True)
class Alert:
    """One threshold that is exceeded: a stable name, a readable sentence, and the two numbers compared.

    Attributes:
        name: Stable while the alert lasts.
        message: A sentence.
        value: The measured number.
        threshold: The number that it exceeds.
        period: The period of a budget or forecast; None for all other alerts.
        needs_attention: False for an alert that is for information only.
    """

    name: AlertName
    message: str
    value: float
    threshold: float
    period: Period | None = None
    needs_attention: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The highest values that need no attention; storage and budget need it from their thresholds on.

    Attributes:
        max_error_rate: Share of calls to Gemini that may fail, 0 to 1.
        min_calls_for_error_rate: Calls below which no error rate is evaluated.
        max_retries: Requests that may have to be repeated.
        max_slow_operations: Operations that may take longer than their threshold.
        max_storage_percent: From this filling of the window on, 0 to 100.
        max_unpriced_tokens: Tokens that may be missing from the cost.
        max_unreconciled_calls: Calls whose usage may be missing or not balance.
        budget_percents: Shares of the day's and the month's budget, in percent, at which an alert begins; below 80 % it
            is for information only.
    """

    max_error_rate: float = MAX_ERROR_RATE
    min_calls_for_error_rate: int = MIN_CALLS_FOR_ERROR_RATE
    max_retries: int = MAX_RETRIES
    max_slow_operations: int = 0
    max_storage_percent: float = WARN_UTILIZATION_PERCENT
    max_unpriced_tokens: int = 0
    max_unreconciled_calls: int = 0
    budget_percents: tuple[float, ...] = BUDGET_PERCENTS


DEFAULT_THRESHOLDS: Final = Thresholds()


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters at one moment (`unix_s`), so that only later changes are evaluated."""

    unix_s: float = 0.0
    calls: float = 0
    failed_calls: float = 0
    retries: float = 0
    unpriced_tokens: float = 0
    unreconciled_calls: float = 0

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Counts":
        """Return the counts of a snapshot."""
        return cls(
            snapshot.unix_s,
            snapshot.total(semconv.LLM_CALLS),
            snapshot.total(semconv.LLM_CALLS, _is_error),
            snapshot.total(semconv.LLM_RETRIES),
            snapshot.total(semconv.LLM_UNPRICED_TOKENS),
            snapshot.total(semconv.LLM_UNRECONCILED_CALLS),
        )


_NOTHING: Final = Counts()


def evaluate(snapshot: Snapshot, thresholds: Thresholds = DEFAULT_THRESHOLDS, since: Counts = _NOTHING) -> list[Alert]:
    """Return the thresholds that the snapshot exceeds, each at most once; a value exactly at its threshold does not.

    Storage and budget are the exceptions: storage warns from 80 % on, the budget when 50, 80 and 100 % are reached. Of
    the budget only the highest threshold is returned, the month's before the day's if both have reached it. The error
    rate covers calls to Gemini; blocked and cancelled calls are not errors. The forecast warns if the month's budget
    will be spent before the month ends.

    Args:
        snapshot: The snapshot to evaluate.
        thresholds: The thresholds.
        since: Excludes what was counted, and operations that ended, up to that moment; by default everything since the
            start and the whole window is evaluated.
    """
    now = Counts.of(snapshot)
    failed, calls = now.failed_calls - since.failed_calls, now.calls - since.calls
    rate = failed / calls if calls and calls >= thresholds.min_calls_for_error_rate else 0.0
    retries = now.retries - since.retries
    slow = digest.violations(snapshot.entries, since.unix_s)
    percent = snapshot.retention.storage_utilization_percent
    unpriced = now.unpriced_tokens - since.unpriced_tokens
    unreconciled = now.unreconciled_calls - since.unreconciled_calls
    found = _Found()
    found.above(
        "error_rate",
        rate,
        thresholds.max_error_rate,
        f"High error rate: {rate:.1%} of {calls:,.0f} calls to Gemini failed.",
    )
    found.above(
        "retries", retries, thresholds.max_retries, f"Many retries: requests had to be repeated {retries:,.0f} times."
    )
    found.above(
        "response_time",
        slow,
        thresholds.max_slow_operations,
        f"Slow responses: operations in the window over their threshold: {slow:,}.",
    )
    if percent >= thresholds.max_storage_percent:
        message = f"Storage is {percent:.0f} % full; the oldest entries leave first."
        found.alerts.append(Alert("storage", message, percent, thresholds.max_storage_percent))
    found.above(
        "unpriced_tokens",
        unpriced,
        thresholds.max_unpriced_tokens,
        f"Unpriced: tokens without a known price, missing from the cost: {unpriced:,.0f}.",
    )
    found.above(
        "unreconciled_calls",
        unreconciled,
        thresholds.max_unreconciled_calls,
        f"Unreconciled: calls without a usage record that balances: {unreconciled:,.0f}.",
    )
    found.alerts += _of_budget(snapshot.budget, thresholds.budget_percents)
    found.alerts += _of_forecast(snapshot.budget)
    if snapshot.sharing.problem is not None:
        found.alerts.append(Alert("state", snapshot.sharing.problem, snapshot.sharing.stale_s, 0.0))
    return found.alerts


def evaluate_conversation(
    successful_ops: float, aborted_ops: float, retries: float, thresholds: Thresholds = DEFAULT_THRESHOLDS
) -> list[Alert]:
    """Return the thresholds that one conversation exceeds by its own counts.

    The error rate is the share of its finished operations that were aborted, and is evaluated from the first one on.
    """
    finished = successful_ops + aborted_ops
    rate = aborted_ops / finished if finished > 0 else 0.0
    found = _Found()
    message = f"High error rate: {rate:.1%} of {finished:.0f} operations were aborted."
    found.above("error_rate", rate, thresholds.max_error_rate, message)
    message = f"Many retries: {retries:.0f} retries in this conversation."
    found.above("retries", retries, thresholds.max_retries, message)
    return found.alerts


def performance_indicators(alerts: Iterable[Alert]) -> dict[str, Any]:
    """Return `warnings`, the alerts' sentences, and `overall_health`: ``healthy`` or ``needs_attention``.

    Alerts for information only are in neither.
    """
    warnings = [alert.message for alert in alerts if alert.needs_attention]
    return {"warnings": warnings, "overall_health": "needs_attention" if warnings else "healthy"}


@dataclass(slots=True)
class _Found:
    alerts: list[Alert] = field(default_factory=list)

    def above(self, name: AlertName, value: float, threshold: float, message: str) -> None:
        if value > threshold:
            self.alerts.append(Alert(name, message, value, threshold))


def _of_budget(budget: Budget, percents: Iterable[float]) -> list[Alert]:
    """Return the highest threshold that was reached, of the day's budget or the month's; an empty list if none was."""
    periods: tuple[tuple[Period, str, float, float | None], ...] = (
        ("day", "today", budget.spent_day_usd, budget.day_usd),
        ("month", "this month", budget.spent_month_usd, budget.month_usd),
    )
    highest: Alert | None = None
    for period, words, spent_usd, budget_usd in periods:
        if not budget_usd:
            continue
        percent = round(
            100 * spent_usd / budget_usd, 9
        )  # a sum of doubles that is 80 % except for its rounding is 80 %
        threshold = max((one for one in percents if percent >= one), default=None)
        if threshold is None or (highest is not None and threshold < highest.threshold):
            continue
        digits = 2 if budget_usd >= 1 else 4
        message = (
            f"Budget: ${spent_usd:,.{digits}f} of ${budget_usd:,.{digits}f} for {words} are spent "
            f"({math.floor(percent)} %)."
        )
        needs_attention = threshold >= BUDGET_ATTENTION_PERCENT
        highest = Alert("budget", message, percent, threshold, period, needs_attention)
    return [] if highest is None else [highest]


def _of_forecast(budget: Budget) -> list[Alert]:
    """Return the alert that the month's budget will not last; none once it is spent, which the budget's alert says."""
    forecast = budget.forecast
    if forecast is None or forecast.spent_on is None or budget.month_usd is None:
        return []
    if budget.spent_month_usd >= budget.month_usd:
        return []
    message = (
        f"Forecast: the month's budget of ${budget.month_usd:,.2f} will be spent on {_in_words(forecast.spent_on)}; "
        f"${forecast.month_usd:,.2f} are expected by its end (${forecast.low_usd:,.2f} to ${forecast.high_usd:,.2f})."
    )
    return [Alert("forecast", message, forecast.month_usd, budget.month_usd, "month")]


def _in_words(iso_date: str) -> str:
    day = int(iso_date[8:])
    ending = "th" if day in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"the {day}{ending}"


def _is_error(attributes: Attributes) -> bool:
    return attributes.get(semconv.OUTCOME) == "error"
