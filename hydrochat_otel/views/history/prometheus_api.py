"""A history from Prometheus' query API: as long as Prometheus remembers, over all that it scrapes.

What comes back is believed only as far as it can be checked: series that were asked for, times that were asked for,
numbers that can be counts.
"""

import math
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from hydrochat_otel import semconv
from hydrochat_otel.runtime.deadline_fetch import FetchError, FetchTimeoutError, fetch
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.views.history.steps import Steps, picture, row
from hydrochat_otel.views.prometheus.naming import family_name

DEADLINE_S: Final = 8.0
MAX_ANSWER_BYTES: Final = 4_000_000
MAX_AT_ONCE: Final = 4

_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_COUNTS: Final = ("count", "violations", "errors", "calls", "tokens")
_under_way: Final = threading.BoundedSemaphore(MAX_AT_ONCE)


class PrometheusError(Exception):
    """There is no history; the message is a sentence, `status` that of the answer: 502, 503 or 504."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def from_prometheus(url: str, steps: Steps, *, matchers: str = "", deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """Return the history that Prometheus knows; one request, a few seconds at most, on the calling thread.

    Counts are rounded from what `increase` estimates; percentiles are interpolated within buckets.

    Args:
        url: Where Prometheus is, up to but without ``/api/v1``.
        steps: The steps that are asked for; shorter than two scrape intervals they stay empty.
        matchers: Label matchers that every series must meet, as in PromQL: ``job="chat"``.
        deadline_s: Seconds for everything.

    Raises:
        PrometheusError: Unreachable, late, too long, or no answer to what was asked.
    """
    if not _under_way.acquire(blocking=False):
        raise PrometheusError(503, "Too many questions to Prometheus are under way; ask again in a second.")
    try:
        body = _ask(url, steps, matchers, deadline_s)
    finally:
        _under_way.release()
    columns = _columns(body, steps)
    return picture(steps, "prometheus", [_row(columns, index) for index in range(steps.number)])


def _ask(url: str, steps: Steps, matchers: str, deadline_s: float) -> bytes:
    form = {
        "query": query(steps.step_s, matchers),
        # The value at a time speaks of the step that ends there.
        "start": steps.start_unix_s + steps.step_s,
        "end": steps.end_unix_s,
        "step": steps.step_s,
        "timeout": f"{max(1, int(deadline_s))}s",
    }
    try:
        fetched = fetch(
            f"{url.rstrip('/')}/api/v1/query_range",
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(form).encode(),
            deadline_s=deadline_s,
            max_bytes=MAX_ANSWER_BYTES,
        )
    except FetchTimeoutError as error:
        raise PrometheusError(504, f"Prometheus at HYDROCHAT_PROMETHEUS_URL {error}.") from None
    except FetchError as error:
        raise PrometheusError(502, f"Prometheus at HYDROCHAT_PROMETHEUS_URL {error}.") from None
    if fetched.status != 200:  # noqa: PLR2004 - OK
        late = fetched.status == 504 or b'"errorType":"timeout"' in fetched.body  # noqa: PLR2004 - gateway timeout
        raise PrometheusError(
            504 if late else 502, f"Prometheus at HYDROCHAT_PROMETHEUS_URL answers with status {fetched.status}."
        )
    return fetched.body


def query(step_s: int, matchers: str = "") -> str:
    """Return the PromQL for all columns in one expression: each series is told apart by the label `column`."""
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
    }
    return " or ".join(f'label_replace({promql}, "column", "{name}", "", "")' for name, promql in columns.items())


_NAMES: Final = frozenset({"count", "seconds", "cost_usd", *_QUANTILES, *_COUNTS[1:]})
_Columns = Mapping[str, Mapping[int, float]]


def _columns(body: bytes, steps: Steps) -> _Columns:
    """Return the numbers by column and step; what was not asked for, or cannot be, is a lie."""
    try:
        return _told(body, steps)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise PrometheusError(
            502, "Prometheus at HYDROCHAT_PROMETHEUS_URL answers with something else than what was asked for."
        ) from None


def _told(body: bytes, steps: Steps) -> _Columns:
    columns: dict[str, dict[int, float]] = {}
    found = orjson.loads(body)
    if found["status"] != "success" or found["data"]["resultType"] != "matrix":
        raise ValueError
    for series in found["data"]["result"]:
        name = series["metric"]["column"]
        if name not in _NAMES or name in columns:
            raise ValueError
        columns[name] = dict(_value(name, unix_s, text, steps) for unix_s, text in series["values"])
    return columns


def _value(name: str, unix_s: float, text: str, steps: Steps) -> tuple[int, float]:
    index = steps.index(unix_s) - 1
    value = float(text)
    if not 0 <= index < steps.number or not isinstance(text, str):
        raise ValueError
    # A quantile of nothing is NaN, and that is no lie.
    if name not in _QUANTILES and not 0 <= value < math.inf:
        raise ValueError
    return index, value


def _row(columns: _Columns, index: int) -> dict[str, Any]:
    value = {name: of_step[index] for name, of_step in columns.items() if index in of_step}
    counts = {name: round(value.get(name, 0.0)) for name in _COUNTS}
    spent: dict[str, Any] = {
        "calls": counts["calls"],
        "tokens": counts["tokens"],
        "cost_usd": value.get("cost_usd", 0.0),
    }
    if counts["count"] == 0:
        return row(**spent)
    times: dict[str, Any] = {f"{name}_s": _finite(value.get(name)) for name in _QUANTILES}
    return row(
        count=counts["count"],
        avg_s=_finite(value.get("seconds", math.nan) / value["count"]),
        violations=counts["violations"],
        errors=counts["errors"],
        error_rate=min(1.0, value.get("errors", 0.0) / value["count"]),
        **times,
        **spent,
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
