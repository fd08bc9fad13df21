"""A history from Prometheus: as long as Prometheus keeps samples, over all targets that it scrapes.

The answer is checked: only requested series and times, only numbers that can be counts.
"""

import math
import threading
from collections.abc import Mapping
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.views import formats
from hydrochat_otel.views.history.steps import UNKNOWN_CALLS, UNKNOWN_OPERATIONS, Steps, document, row
from hydrochat_otel.views.prometheus.naming import family_name
from hydrochat_otel.views.prometheus_server import DEADLINE_S, PrometheusError, PrometheusServer, Series

MAX_AT_ONCE: Final = 4
_MOST: Final = 1e15
"""The largest valid count of a step."""

_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MISSING: Final = ("unpriced_tokens", "unreconciled_calls", "incomplete_calls", "incomplete_tokens")
_COUNTS: Final = ("count", "violations", "errors", "calls", "tokens", *_MISSING)
_under_way: Final = threading.BoundedSemaphore(MAX_AT_ONCE)


def from_prometheus(url: str, steps: Steps, *, matchers: str = "", deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """Return the history from Prometheus; one request, a few seconds at most, on the calling thread.

    Counts are rounded from what `increase` estimates; percentiles are interpolated within buckets.

    Args:
        url: Address of Prometheus, up to but without ``/api/v1``.
        steps: The steps; if they are shorter than two scrape intervals they stay empty.
        matchers: Label matchers that every series must meet, as in PromQL: ``job="chat"``.
        deadline_s: Seconds for everything.

    Raises:
        PrometheusError: Unreachable, late, too long, or not a result of the query.
    """
    if not _under_way.acquire(blocking=False):
        raise PrometheusError(503, "Too many queries to Prometheus are in progress; try again in a second.")
    server = PrometheusServer(url, "HYDROCHAT_PROMETHEUS_URL", deadline_s)
    try:
        # The value at a time covers the step that ends then.
        found = server.over(
            query(steps.step_s, matchers), steps.start_unix_s + steps.step_s, steps.end_unix_s, steps.step_s
        )
    finally:
        _under_way.release()
    columns = _columns(server, found, steps)
    return document(steps, "prometheus", [_row(columns, index) for index in range(steps.number)])


def query(step_s: int, matchers: str = "") -> str:
    """Return the PromQL for all columns in one expression; the label `column` names the column of each series."""
    duration, _ = family_name(semconv.OPERATION_DURATION.name, semconv.OPERATION_DURATION.unit, is_counter=False)
    failed = ",".join(filter(None, ('error_type!=""', matchers)))

    def increase(metric: str, matchers: str = matchers) -> str:
        return f"increase({metric}{{{matchers}}}[{step_s}s])"

    def total(spec: MetricSpec) -> str:
        name, _ = family_name(spec.name, spec.unit, is_counter=True)
        return f"sum({increase(f'{name}_total')})"

    columns = {
        "count": f"sum({increase(f'{duration}_count')})",
        "seconds": f"sum({increase(f'{duration}_sum')})",
        **{
            name: f"histogram_quantile({quantile}, sum by (le) ({increase(f'{duration}_bucket')}))"
            for name, quantile in _QUANTILES.items()
        },
        "violations": total(semconv.OPERATION_VIOLATIONS),
        "errors": f"sum({increase(f'{duration}_count', failed)})",
        "calls": total(semconv.LLM_CALLS),
        "tokens": total(semconv.LLM_TOKENS),
        "cost_usd": total(semconv.LLM_COST),
        "unpriced_tokens": total(semconv.LLM_UNPRICED_TOKENS),
        "unreconciled_calls": total(semconv.LLM_UNRECONCILED_CALLS),
        "incomplete_calls": total(semconv.LLM_INCOMPLETE_CALLS),
        "incomplete_tokens": total(semconv.LLM_INCOMPLETE_TOKENS),
    }
    return " or ".join(f'label_replace({promql}, "column", "{name}", "", "")' for name, promql in columns.items())


_NAMES: Final = frozenset({"count", "seconds", "cost_usd", *_QUANTILES, *_COUNTS[1:]})
_Columns = Mapping[str, Mapping[int, float]]


def _columns(server: PrometheusServer, found: list[Series], steps: Steps) -> _Columns:
    """Return the numbers by column and step; a series, time or number outside the query is an error."""
    columns: dict[str, dict[int, float]] = {}
    for series in found:
        name = series.labels.get("column", "")
        if name not in _NAMES or name in columns:
            raise server.malformed()
        columns[name] = {}
        for unix_s, text in series.samples:
            index = steps.index(unix_s) - 1 if math.isfinite(unix_s) else -1
            value = float(text)
            # A quantile of nothing is NaN, which is a valid answer; an implausibly large count is not.
            if not 0 <= index < steps.number or (name not in _QUANTILES and not 0 <= value <= _MOST):
                raise server.malformed()
            columns[name][index] = value
    return columns


def _row(columns: _Columns, index: int) -> dict[str, Any]:
    value = {name: of_step[index] for name, of_step in columns.items() if index in of_step}
    if not value.keys() - _QUANTILES:
        return row(**UNKNOWN_OPERATIONS, **UNKNOWN_CALLS)  # Prometheus scraped nothing in this step
    counts = {name: round(value.get(name, 0.0)) for name in _COUNTS}
    spent: dict[str, Any] = {
        "calls": counts["calls"],
        "tokens": counts["tokens"],
        "cost_usd": value.get("cost_usd", 0.0),
        "unpriced_calls": None,  # no metric counts it
        **{name: counts[name] for name in _MISSING},
    }
    if counts["count"] == 0:
        return row(**spent)
    times: dict[str, Any] = {f"{name}_s": formats.finite(value.get(name)) for name in _QUANTILES}
    return row(
        count=counts["count"],
        avg_s=formats.finite(value.get("seconds", math.nan) / value["count"]),
        violations=counts["violations"],
        errors=counts["errors"],
        error_rate=min(1.0, value.get("errors", 0.0) / value["count"]),
        **times,
        **spent,
    )
