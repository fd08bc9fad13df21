"""Expressions that several dashboards use: money, turns and failures, as PromQL over the declared metrics."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack.promql import BUCKET, OUTCOME, Series, bucket, by, count, grew, ratio, total
from hydrochat_otel.stack.variables import RANGE, RATE_INTERVAL, chosen, turns

CALLS: Final = chosen(total(semconv.LLM_CALLS))
COST: Final = chosen(total(semconv.LLM_COST))
TOKENS: Final = chosen(total(semconv.LLM_TOKENS))
ATTEMPTS: Final = chosen(total(semconv.LLM_ATTEMPTS))
RETRIES: Final = chosen(total(semconv.LLM_RETRIES))
SAVINGS: Final = chosen(total(semconv.LLM_SAVINGS))
RETRY_COST: Final = chosen(total(semconv.LLM_RETRY_COST))
CALL_BUCKETS: Final = chosen(bucket(semconv.LLM_CALL_DURATION))
FIRST_TOKEN_BUCKETS: Final = chosen(bucket(semconv.LLM_FIRST_ANSWER_TOKEN))
TURNS: Final = turns(count(semconv.OPERATION_DURATION))
TURN_BUCKETS: Final = turns(bucket(semconv.OPERATION_DURATION))
BAD_TURNS: Final = turns(total(semconv.OPERATION_BAD))
OPERATIONS: Final = chosen(count(semconv.OPERATION_DURATION))
FAILED_CALLS: Final = CALLS.where(OUTCOME, "=", "error")
INPUT_TOKENS: Final = TOKENS.where(BUCKET, "=~", "|".join(semconv.INPUT_BUCKETS))
CACHED_TOKENS: Final = TOKENS.where(BUCKET, "=", "input_cached")
OUTPUT_TOKENS: Final = TOKENS.where(BUCKET, "=~", "|".join(semconv.OUTPUT_BUCKETS))

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def rate(series: Series, *names: str) -> str:
    """Return the growth per second at each moment, by labels."""
    return by(names, f"rate({series}[{RATE_INTERVAL}])")


def per_minute(series: Series, *names: str) -> str:
    """Return the growth per minute at each moment, by labels."""
    return f"60 * {rate(series, *names)}"


def per_hour(series: Series, *names: str) -> str:
    """Return the growth per hour at each moment, by labels."""
    return f"3600 * {rate(series, *names)}"


def grown(series: Series, *names: str, window: str = RANGE) -> str:
    """Return the growth in the shown range or another window, by labels; a first event counts."""
    return by(names, grew(series, window))


def quantile_now(q: float, buckets: Series, *names: str) -> str:
    """Return a quantile at each moment, by labels."""
    return f"histogram_quantile({q:g}, {rate(buckets, *names, 'le')})"


def quantile_of_range(q: float, buckets: Series, *names: str) -> str:
    """Return a quantile over the shown range, by labels."""
    return f"histogram_quantile({q:g}, {grown(buckets, *names, 'le')})"


def good_share(window: str | None = None) -> str:
    """Return the share of turns that neither failed nor exceeded the threshold they state."""
    if window is None:
        return f"1 - {ratio(rate(BAD_TURNS), rate(TURNS))}"
    return f"1 - {ratio(grown(BAD_TURNS, window=window), grown(TURNS, window=window))}"


def share_of(part: Series, whole: Series, *names: str) -> str:
    """Return one series as a share of another in the shown range, by labels."""
    return ratio(grown(part, *names), grown(whole, *names))


def top(expression: str, rows: int = 6) -> str:
    """Return the largest values, the largest first."""
    return f"sort_desc(topk({rows}, {expression}))"


def priced(expression: str, like: str) -> str:
    """Return the expression without rows that are 0: a row of `like` without a price stays empty, never $0."""
    # In parentheses: a division that follows binds more tightly than `and`.
    return f"(({expression} > 0) and {like})"
