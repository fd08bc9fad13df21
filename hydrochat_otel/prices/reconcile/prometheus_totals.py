"""What was metered, read back from a Prometheus server: tokens and dollars by day and model.

Increases are taken from the raw samples, resets and births of series included, and not from ``increase()``, which
extrapolates. What was counted between the last scrape before midnight and midnight falls on the next day.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hydrochat_otel.prices.reconcile.billing_export import Amount, Amounts, normalised

TOKENS: Final = "hydrochat_llm_tokens_total"
COST: Final = "hydrochat_llm_cost_total"
_MODEL: Final = "gen_ai_request_model"
_TIMEOUT_S: Final = 30.0
_DAY: Final = timedelta(days=1)

Samples = Mapping[tuple[tuple[str, str], ...], list[Decimal]]
"""Values in order of time, by the labels of the series."""


class MeteredError(RuntimeError):
    """The Prometheus server cannot be asked; the message says why."""


def read_prometheus(url: str, days: Iterable[date]) -> Amounts:
    """Ask a Prometheus server for the tokens and dollars of each day, in UTC.

    Raises:
        MeteredError: It cannot be reached or answers with an error.
    """
    amounts: Amounts = {}
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for metric in (TOKENS, COST):
            for model, value in _increases(url, metric, start).items():
                amount = Amount(tokens=round(value)) if metric == TOKENS else Amount(cost_usd=value)
                amounts[day, model] = amounts.get((day, model), Amount()).plus(amount)
    return amounts


def increase(before: Decimal | None, values: Iterable[Decimal]) -> Decimal:
    """Return by how much a counter grew: from the value before, or from 0 where the series was born or started over."""
    total, last = Decimal(0), before or Decimal(0)
    for value in values:
        total += value - last if value >= last else value
        last = value
    return total


def _increases(url: str, metric: str, start: datetime) -> dict[str, Decimal]:
    end = start + _DAY
    before = {labels: values[-1] for labels, values in _query(url, metric, start).items()}
    grown: dict[str, Decimal] = {}
    for labels, values in _query(url, f"{metric}[{int(_DAY.total_seconds())}s]", end).items():
        model = normalised(dict(labels).get(_MODEL, ""))
        grown[model] = grown.get(model, Decimal(0)) + increase(before.get(labels), values)
    return grown


def _query(url: str, query: str, at: datetime) -> Samples:
    asked = urllib.parse.urlencode({"query": query, "time": at.timestamp()})
    address = f"{url.rstrip('/')}/api/v1/query?{asked}"
    if not address.startswith(("http://", "https://")):
        raise MeteredError(f"{url} is no address of a Prometheus server, such as http://127.0.0.1:9090.")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as response:  # noqa: S310 - the scheme is checked above
            answer: Any = json.load(response)
        found = answer["data"]["result"]
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError) as error:
        raise MeteredError(f"{url} does not answer as a Prometheus server does ({error}).") from None
    return {
        tuple(sorted(series["metric"].items())): [
            Decimal(value) for _, value in series.get("values") or [series["value"]]
        ]
        for series in found
    }
