"""Builds one snapshot of all members from their totals and entries."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.fleet import merging
from hydrochat_otel.fleet.totals import Totals
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.window.days import Days
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import (
    Attributes,
    Budget,
    Family,
    FamilyKind,
    NumberPoint,
    Retention,
    Sharing,
    Snapshot,
)

_KIND: Final[Mapping[str, FamilyKind]] = {"observable_counter": "counter", "gauge": "gauge"}


def snapshot_of(
    totals: Sequence[Totals],
    entries: Sequence[Entry],
    evicted: Mapping[str, int],
    *,
    unix_s: float,
    max_entries: int,
    ttl_hours: float,
    budget: Budget,
    days: Days,
    sharing: Sharing,
    instance_is_named: bool,
) -> Snapshot:
    """Return one snapshot of all members.

    Args:
        totals: Those of the departed members, if there are any, and of each other member.
        entries: The window of all members, oldest first; expired ones are left out.
        evicted: Entries that have left the window, by reason.
        unix_s: Now, in seconds since the epoch.
        max_entries: Of the window.
        ttl_hours: Of the window.
        budget: Of all members together.
        days: Of all members together.
        sharing: How many members there are.
        instance_is_named: Whether the user gave the instance an id; a random id belongs to one process only.
    """
    oldest_unix_s = unix_s - ttl_hours * 3600
    live = tuple(entry for entry in entries if entry.end_unix_s > oldest_unix_s)[-max_entries:]
    retention = Retention(max_entries, ttl_hours, len(live), 100.0 * len(live) / max_entries)
    whole = (
        _family(semconv.RETENTION_EVICTED, evicted, semconv.REASON),
        _family(semconv.RETENTION_ENTRIES, {"": len(live)}),
        _family(semconv.RETENTION_UTILIZATION, {"": len(live) / max_entries}),
        _family(semconv.RETENTION_COVERED, {"": unix_s - live[0].end_unix_s if live else 0.0}),
        _family(semconv.STATE_WORKERS, {"": sharing.workers}),
        *budget_families(budget),
    )
    return Snapshot(
        unix_s=unix_s,
        resource=_common(
            [totals.resource for totals in totals if totals.resource], instance_is_named=instance_is_named
        ),
        families=merging.merged([*(totals.families for totals in totals), whole]),
        entries=live,
        retention=retention,
        budget=budget,
        days=days,
        sharing=sharing,
    )


def budget_families(budget: Budget) -> Iterable[Family]:
    """Yield the gauges of the dollars spent and of the budget."""
    yield _family(semconv.LLM_SPEND, {"day": budget.spent_day_usd, "month": budget.spent_month_usd}, semconv.PERIOD)
    if budget.day_usd is not None and budget.month_usd is not None:
        yield _family(semconv.LLM_BUDGET, {"day": budget.day_usd, "month": budget.month_usd}, semconv.PERIOD)
    if budget.forecast is not None:
        yield _family(semconv.LLM_FORECAST, dict(budget.forecast.bounds()), semconv.BOUND)


def _family(spec: MetricSpec, values: Mapping[str, float], attribute: str | None = None) -> Family:
    points = tuple(
        NumberPoint({} if attribute is None else {attribute: label}, value) for label, value in values.items()
    )
    return Family(spec.name, _KIND[spec.kind], spec.unit, spec.description, semconv.SCOPE, "", points)


def _common(resources: Sequence[Attributes], *, instance_is_named: bool) -> Attributes:
    """Return the attributes that all members share, without those that distinguish one process from another."""
    if not resources:
        return {}
    return {
        key: value
        for key, value in resources[0].items()
        if all(other.get(key) == value for other in resources[1:])
        and (instance_is_named or key != "service.instance.id")
        and not (key.startswith("process.") and not key.startswith("process.runtime."))
    }
