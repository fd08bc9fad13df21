"""The one builder of snapshots, for one process as for all members of a shared state."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import is_
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.fleet import merging
from hydrochat_otel.fleet.totals import Totals
from hydrochat_otel.runtime import process_globals
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.window.contents import Contents, Filling
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


def contents_of(
    entries: Sequence[Entry], evicted: Mapping[str, int], *, unix_s: float, max_entries: int, ttl_hours: float
) -> Contents:
    """Return what the window of all members holds now, within its bounds.

    Args:
        entries: What was read of it, oldest first.
        evicted: Entries that have left it, by reason.
        unix_s: Now, in seconds since the epoch; ages of entries of other processes are on this clock.
        max_entries: The most that is kept.
        ttl_hours: Age in hours from which an entry is expired.
    """
    oldest_unix_s = unix_s - ttl_hours * 3600
    live = tuple(entry for entry in entries if entry.end_unix_s > oldest_unix_s)[-max_entries:]
    return Contents(live, max_entries, ttl_hours, evicted, unix_s - live[0].end_unix_s if live else 0.0)


def snapshot_of(
    parts: Iterable[Sequence[Family]],
    contents: Contents,
    *,
    resource: Attributes,
    unix_s: float,
    budget: Budget,
    days: Days,
    sharing: Sharing,
    counted_since_unix_s: float | None = None,
) -> Snapshot:
    """Return the snapshot of one process or of all members: the only place where one is made.

    The window's gauges come from the same contents as its entries, whatever the members report of their own.

    Args:
        parts: The metrics of each member and of the departed ones; or those of the one process.
        contents: The window, of all or of the one process.
        resource: What is true of all of them.
        unix_s: Now, in seconds since the epoch.
        budget: Of all together.
        days: Of all together.
        sharing: How many they are.
        counted_since_unix_s: Since when everything was counted; None if that is not known.
    """
    filling = Filling(contents.current_entries, contents.max_entries, contents.covered_s)
    return Snapshot(
        unix_s=unix_s,
        resource=resource,
        families=families_of(list(parts), filling, budget, sharing.workers),
        entries=contents.entries,
        retention=Retention(
            contents.max_entries,
            contents.ttl_hours,
            contents.current_entries,
            100.0 * contents.utilization_ratio,
        ),
        budget=budget,
        days=days,
        sharing=sharing,
        counted_since_unix_s=counted_since_unix_s,
    )


def families_of(
    parts: Sequence[Sequence[Family]], filling: Filling, budget: Budget, workers: int
) -> tuple[Family, ...]:
    """Return the families of all parts together, with the gauges of the whole; the same object as before if it can be.

    Args:
        parts: As for :func:`snapshot_of`.
        filling: Of the window, of all or of the one process.
        budget: Of all together.
        workers: How many processes reported recently.
    """
    whole = filling, budget, workers
    known = _newest_parts.get("families")
    if known is None or known[0] != whole or len(known[1]) != len(parts) or not all(map(is_, known[1], parts)):
        gauges = (
            _family(semconv.RETENTION_ENTRIES, {"": filling.current_entries}),
            _family(semconv.RETENTION_UTILIZATION, {"": filling.utilization_ratio}),
            _family(semconv.RETENTION_COVERED, {"": filling.covered_s}),
            _family(semconv.STATE_WORKERS, {"": workers}),
            *_budget_families(budget),
        )
        known = _newest_parts["families"] = whole, parts, _merged([*chain.from_iterable(parts), *gauges])
    return known[2]


_Whole = tuple[Filling, Budget, int]
_newest_parts: Final[dict[str, tuple[_Whole, Sequence[Sequence[Family]], tuple[Family, ...]]]] = {}
process_globals.register("parts of families", _newest_parts.clear)


def _merged(families: list[Family]) -> tuple[Family, ...]:
    """Return the families together that have series; the same object as before if all are the same objects."""
    known = _newest_merged.get("families")
    if known is None or len(known[0]) != len(families) or not all(map(is_, known[0], families)):
        together = tuple(family for family in merging.merged([families]) if family.points)
        known = _newest_merged["families"] = families, together
    return known[1]


_newest_merged: Final[dict[str, tuple[list[Family], tuple[Family, ...]]]] = {}
process_globals.register("merged families", _newest_merged.clear)


def evicted_family(evicted: Mapping[str, int]) -> Family:
    """Return the counter of entries that have left the window of all, by reason."""
    return _family(semconv.RETENTION_EVICTED, evicted, semconv.REASON)


def common_resource(totals: Iterable[Totals], *, instance_is_named: bool) -> Attributes:
    """Return the resource attributes that are true of all members, without what tells one process from the next.

    Args:
        totals: Of each member; one without resource attributes has no say.
        instance_is_named: Whether the user gave the instance an id; an id made at random is each process's own.
    """
    resources = [one.resource for one in totals if one.resource]
    if not resources:
        return {}
    return {
        key: value
        for key, value in resources[0].items()
        if all(other.get(key) == value for other in resources[1:])
        and (instance_is_named or key != "service.instance.id")
        and not (key.startswith("process.") and not key.startswith("process.runtime."))
    }


def _budget_families(budget: Budget) -> Iterable[Family]:
    """Yield the gauges of the dollars that are spent, and of those that may be."""
    yield _family(semconv.LLM_SPEND, {"day": budget.spent_day_usd, "month": budget.spent_month_usd}, semconv.PERIOD)
    if budget.day_usd is not None and budget.month_usd is not None:
        yield _family(semconv.LLM_BUDGET, {"day": budget.day_usd, "month": budget.month_usd}, semconv.PERIOD)
    forecast = {} if budget.forecast is None else dict(budget.forecast.bounds())
    yield _family(semconv.LLM_FORECAST, forecast, semconv.BOUND)  # without one as well: it supersedes an earlier one


def _family(spec: MetricSpec, values: Mapping[str, float], attribute: str | None = None) -> Family:
    shown = repr(values)
    known = _newest.get(spec.name)
    if known is not None and known[0] == shown:
        return known[1]
    points = tuple(
        NumberPoint({} if attribute is None else {attribute: label}, value) for label, value in values.items()
    )
    made = Family(spec.name, _KIND[spec.kind], spec.unit, spec.description, semconv.SCOPE, "", points)
    _newest[spec.name] = shown, made
    return made


_newest: Final[dict[str, tuple[str, Family]]] = {}
"""The newest family of each metric, by the values that it shows: what is made of it stays valid while they do."""
process_globals.register("gauges of money", _newest.clear)
