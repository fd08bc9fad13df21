"""The numbers that rules and panels compare with: the contract's thresholds, and minimum numbers of events."""

from typing import Final

from hydrochat_otel.settings import Settings
from hydrochat_otel.views.thresholds import BUDGET_PERCENTS, MAX_ERROR_RATE, MAX_RETRIES, MIN_CALLS_FOR_ERROR_RATE

RESPONSE_TIME_S: Final[float] = Settings.rules()["response_time_threshold_s"][1]
"""The contract's default threshold; an edge of the duration histogram is at it."""

ERROR_RATIO: Final = MAX_ERROR_RATE
MIN_CALLS: Final = MIN_CALLS_FOR_ERROR_RATE
"""Calls below which no error ratio is evaluated at all."""
PAGING_CALLS: Final = 20
PAGING_FAILURES: Final = 5
"""Calls and failures below which an error ratio does not page; it is a warning then."""
RETRIES: Final = MAX_RETRIES
RETRY_RATIO: Final = 0.10
THROTTLED_RATIO: Final = 0.10
BLOCKED_RATIO: Final = 0.10
CACHE_DROP: Final = 0.5
"""The share of cached input falls below this fraction of yesterday's."""
FIRST_TOKEN_GROWTH: Final = 2.0
"""The first answer token takes this many times as long as at the same hour yesterday."""
SPEND_GROWTH: Final = 3.0
"""Dollars of an hour, compared with the same hour of the week before."""
MIN_SPEND_USD: Final = 1.0
"""Dollars an hour below which no growth of spend is evaluated."""
MIN_TRAFFIC: Final = 20
"""With this many calls in the same hour yesterday, an hour without calls means that traffic stopped."""

MIN_OPERATIONS: Final = 20
"""Operations below which no ratio of them is evaluated."""
VIOLATION_RATIO: Final = 0.10
MIN_UNRECONCILED: Final = 3
UNRECONCILED_RATIO: Final = 0.01
PRICE_BOOK_AGE_DAYS: Final = 90
WINDOW_COVERS_S: Final = 3600.0
"""A full window that covers less than this is too short for the export's readers."""
BUDGET_RATIOS: Final = tuple(percent / 100 for percent in BUDGET_PERCENTS)
"""Shares of the day's and the month's dollars that are information, a warning, and critical."""

SLO_RATIO: Final = 0.95
"""Share of root operations that end without an error and within the threshold they state, over 30 days."""
SLO_WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d", "30d")
"""Windows of the recorded ratios; the first four pair up to the fast and the slow burn, 30d is the budget's."""
FAST_BURN: Final = 14.4
"""Times the sustainable rate: 2 % of the 30 days' budget within an hour."""
SLOW_BURN: Final = 6.0
"""5 % of the budget within six hours."""
CREEPING_BURN: Final = 1.0
"""10 % of the budget within three days."""

RUNBOOKS: Final = "docs/runbooks/"
"""Address of the runbooks; `hydrochat-otel rules export --runbooks URL` replaces it by a site of your own."""
BOARDS: Final = "/d/"
"""Address of the dashboards; `hydrochat-otel rules export --grafana URL` puts Grafana's address before it."""
