"""What rules and panels compare with: the contract's thresholds, and how few events are too few to judge."""

from typing import Final

from hydrochat_otel.settings import Settings
from hydrochat_otel.views.thresholds import BUDGET_PERCENTS, MAX_ERROR_RATE, MAX_RETRIES, MIN_CALLS_FOR_ERROR_RATE
from hydrochat_otel.window.store import WARN_UTILIZATION_PERCENT

RESPONSE_TIME_S: Final[float] = Settings.rules()["response_time_threshold_s"][1]
"""The contract's threshold: p95 is held against it, and an edge of the duration histogram lies on it."""

ERROR_RATIO: Final = MAX_ERROR_RATE
MIN_CALLS: Final = MIN_CALLS_FOR_ERROR_RATE
RETRIES: Final = MAX_RETRIES
RETENTION_RATIO: Final = WARN_UTILIZATION_PERCENT / 100

MIN_OPERATIONS: Final = 20
"""Operations below which no percentile and no ratio of them is judged."""
VIOLATION_RATIO: Final = 0.10
MIN_UNRECONCILED: Final = 3
UNRECONCILED_RATIO: Final = 0.01
PRICE_BOOK_AGE_DAYS: Final = 90
BUDGET_RATIOS: Final = tuple(percent / 100 for percent in BUDGET_PERCENTS)
"""Shares of the day's and the month's dollars from which on it is told, worked on, and somebody woken."""

SLO_RATIO: Final = 0.95
"""Share of operations that end without an error and within :data:`RESPONSE_TIME_S`, over 30 days."""
SLO_WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d", "30d")
"""Windows of the recorded ratios; the first four pair up to the fast and the slow burn, 30d is the budget's."""
FAST_BURN: Final = 14.4
"""Times the sustainable rate: 2 % of the 30 days' budget within an hour."""
SLOW_BURN: Final = 6.0
"""5 % of the budget within six hours."""
CREEPING_BURN: Final = 1.0
"""10 % of the budget within three days."""
