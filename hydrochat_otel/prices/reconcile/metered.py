"""The metered side of a comparison: days of this process, of an export, of Prometheus, or of a table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol

from hydrochat_otel.prices.reconcile.amounts import Amount
from hydrochat_otel.prices.reconcile.bill import Bill, Span
from hydrochat_otel.prices.reconcile.comparison import Metered, MeteredDays
from hydrochat_otel.prices.reconcile.lines import zone_of

MODEL_LABEL: Final = "gen_ai_request_model"
_FIELDS: Final[Mapping[str, str]] = {
    "hydrochat_llm_tokens_total": "tokens",
    "hydrochat_llm_cost_total": "cost_usd",
    "hydrochat_llm_unpriced_tokens_total": "unpriced_tokens",
    "hydrochat_llm_unreconciled_calls_total": "unreconciled_calls",
    "hydrochat_llm_incomplete_calls_total": "incomplete_calls",
}
"""The metrics that are read, each with its field of :class:`Metered`."""

FAMILIES: Final = tuple(_FIELDS)
_NOTHING: Final = Metered(Amount())


class MeteredError(ValueError):
    """The metered side cannot be read; the message is one sentence."""


class Series(Protocol):
    """One series of a result of Prometheus."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, the metric's name among them."""

    @property
    def samples(self) -> Sequence[tuple[float, str]]:
        """Its samples in order of time: seconds since the epoch, and the value as written."""


Query = Callable[[str, float], Sequence[Series]]
"""Returns the series of a range selector at a moment in seconds since the epoch."""


def of_table(bill: Bill) -> MeteredDays:
    """Return the contents of a table with a date, a model and tokens or dollars, read like a bill."""
    return {(span.first, model): Metered(charged.amount) for (span, model), charged in bill.charged.items()}


def of_export(export: Mapping[str, Any], zone: str) -> tuple[MeteredDays, str]:
    """Return the days of an export that includes them, and the zone whose midnights separate them.

    The zone of the bill is used if the service keeps days of it; else that of its budget.

    Raises:
        MeteredError: It has no days, or they are malformed.
    """
    try:
        zones: Mapping[str, Any] = dict(export["days"]["zones"])
        found = zone if zone in zones or not zones else export["days"]["zone"]
        metered: dict[tuple[date, str], Metered] = {}
        for row in zones[found] if zones else ():
            key = date.fromisoformat(row["day"]), str(row["model"])
            one = Metered(
                Amount(int(row["total_tokens"]), Decimal(str(row["cost_usd"]))),
                *(int(row[name]) for name in Metered._fields[1:]),
            )
            metered[key] = metered[key].plus(one) if key in metered else one
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        raise MeteredError("The export has no readable days; the service may be of an older version.") from None
    if not zones:
        raise MeteredError("The service has no days to compare yet.")
    return metered, found


def of_prometheus(query: Query, spans: Iterable[Span], zone: str, matchers: str = "") -> MeteredDays:
    """Return the increase of the counters on each day of the spans.

    Increases are computed from raw samples, resets and new series included, and not with ``increase()``, which
    extrapolates. What was counted between the last scrape before midnight and midnight falls on the next day.

    Args:
        query: Queries Prometheus; its exceptions are raised unchanged.
        spans: The requested days.
        zone: The zone whose midnights separate the days.
        matchers: Label matchers that every series must meet, as in PromQL: ``job="chat"``.
    """
    metered: dict[tuple[date, str], Metered] = {}
    for span in spans:
        last: dict[tuple[tuple[str, str], ...], Decimal] = {}
        start, _ = _bounds(span.first, zone)
        for series in query(selector(300, matchers), start):
            if series.samples:
                last[_key(series)] = _number(series.samples[-1][1])
        for offset in range((span.last - span.first).days + 1):
            day = span.first + timedelta(days=offset)
            begin, end = _bounds(day, zone)
            for series in query(selector(round(end - begin), matchers), end):
                key = _key(series)
                values = [_number(text) for unix_s, text in series.samples if begin < unix_s <= end]
                grown = increase(last.get(key), values)
                if values:
                    last[key] = values[-1]
                field = _FIELDS.get(series.labels.get("__name__", ""))
                if field is not None and grown:
                    model = series.labels.get(MODEL_LABEL, "")
                    metered[day, model] = metered.get((day, model), _NOTHING).plus(_one(field, grown))
    return metered


def selector(seconds: int, matchers: str = "") -> str:
    """Return the PromQL for the samples of all metrics that are read."""
    name = f'__name__=~"{"|".join(FAMILIES)}"'
    return f"{{{','.join(filter(None, (name, matchers)))}}}[{seconds}s]"


def increase(before: Decimal | None, values: Iterable[Decimal]) -> Decimal:
    """Return the increase of a counter: from the value before, or from 0 if the series is new or was reset."""
    grown, last = Decimal(0), before or Decimal(0)
    for value in values:
        grown += value - last if value >= last else value
        last = value
    return grown


def _one(field: str, grown: Decimal) -> Metered:
    if field == "tokens":
        return Metered(Amount(tokens=round(grown)))
    if field == "cost_usd":
        return Metered(Amount(cost_usd=grown))
    return Metered(Amount(), **{field: round(grown)})


def _bounds(day: date, zone: str) -> tuple[float, float]:
    """Return the moments at which a day begins and ends; one of 23 or 25 hours is one day."""
    where = zone_of(zone)
    begin, end = (
        datetime(at.year, at.month, at.day, tzinfo=where).timestamp() for at in (day, day + timedelta(days=1))
    )
    return begin, end


def _key(series: Series) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(series.labels.items()))


def _number(text: str) -> Decimal:
    """Return the value of a counter.

    Raises:
        MeteredError: It is not a count: not finite, below 0, or implausibly large.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value < Decimal(10) ** 18:
        raise MeteredError(f"Prometheus has {text[:40]!r} as the value of a counter.")
    return value
