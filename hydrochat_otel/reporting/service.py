"""Reads what a report needs from a running service: its counters, or the entries of a period."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson
from prometheus_client.parser import text_string_to_metric_families

from hydrochat_otel import semconv
from hydrochat_otel.reporting.found import Found
from hydrochat_otel.runtime.deadline_fetch import Fetched, FetchError, fetch
from hydrochat_otel.views.usage_table import Sample
from hydrochat_otel.window.days import DayCounts, DayKey, Missing
from hydrochat_otel.window.entry import Entry

_DEADLINE_S: Final = 10.0
_MAX_BYTES: Final = 32_000_000
_OK: Final = 200
_PAGE: Final = 1000
_MOST_PAGES: Final = 1000


class ServiceError(ValueError):
    """The service does not answer, or not with a report's numbers; the message is one sentence."""


def look(url: str, token: str | None, since_unix_s: float | None, zone: str = "UTC") -> Found:
    """Return the counters, or the entries since a moment and the days of a zone.

    Raises:
        ServiceError: No answer, a rejected token, or anything other than numbers.
    """
    base = (url if "://" in url else f"http://{url}").rstrip("/")
    where = urlsplit(base).netloc.rpartition("@")[2]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        if since_unix_s is None:
            text = _get(f"{base}/metrics", {**headers, "Accept": "text/plain; version=0.0.4"}, where).body.decode()
            return Found(_samples(text))
        return _entries(f"{base}/api/hydrochat/metrics/export/", headers, where, since_unix_s, zone)
    except FetchError as error:
        raise ServiceError(f"{where} {error}.") from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, ServiceError):
            raise
        raise ServiceError(f"{where} answers with something other than the numbers of hydrochat_otel.") from None


def _get(url: str, headers: dict[str, str], where: str) -> Fetched:
    found = fetch(url, headers=headers, deadline_s=_DEADLINE_S, max_bytes=_MAX_BYTES)
    if found.status != _OK:
        raise ServiceError(f"{where} answers with status {found.status}.")
    return found


def _samples(text: str) -> list[Sample]:
    return [
        (sample.name, sample.labels, float(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("hydrochat_llm_")
    ]


def _entries(url: str, headers: dict[str, str], where: str, since_unix_s: float, zone: str) -> Found:
    asked = {"since": datetime.fromtimestamp(since_unix_s, UTC).isoformat(), "entries": "true", "limit": str(_PAGE)}
    asked["days"] = "true"
    entries: list[Entry] = []
    days: list[tuple[DayKey, DayCounts]] = []
    begins = 0.0
    for _ in range(_MOST_PAGES):
        document = orjson.loads(_get(f"{url}?{urlencode(asked)}", headers, where).body)
        entries += map(entry_of, document["entries"])
        if asked.pop("days", None):
            days = [_day(zone, row) for row in document["days"]["zones"].get(zone, ())]
        kept = document["retention_policy"]
        now = datetime.fromisoformat(document["timestamp"]).timestamp()
        begins = now - kept["ttl_hours"] * 3600
        # The entries of a full window whose entries all match begin with its oldest one.
        if kept["current_entries"] >= kept["max_entries"] and document["page"]["matching"] >= kept["current_entries"]:
            begins = max(begins, entries[-1].end_unix_s)
        cursor = document["page"]["next_cursor"]
        if cursor is None:
            break
        asked["cursor"] = cursor
    return Found([], entries, begins, days)


def _day(zone: str, row: dict[str, Any]) -> tuple[DayKey, DayCounts]:
    key = DayKey(zone, str(row["day"]), str(row["model"]), str(row["outcome"]))
    tokens = {bucket: int(row["tokens"][bucket]) for bucket in semconv.TOKEN_BUCKETS}
    missing = {name: int(row[name]) for name in Missing._fields}
    return key, DayCounts(calls=int(row["calls"]), cost_usd=float(row["cost_usd"] or 0.0), **tokens, **missing)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Return the entry that a row of an export states, as far as a report needs it."""
    tokens = row.get("tokens")
    return Entry(
        row["kind"],
        str(row["operation"]),
        float(row["duration"]),
        datetime.fromisoformat(row["timestamp"]).timestamp(),
        exceeded_threshold=bool(row["exceeded_threshold"]),
        error=row["error"],
        outcome=str(row["outcome"]),
        model=row.get("model"),
        tokens=None if tokens is None else tuple(int(tokens[bucket]) for bucket in semconv.TOKEN_BUCKETS),
        cost_usd=row.get("cost_usd"),
        root_operation=row.get("root_operation"),
        operation_name=row.get("operation_name"),
        incomplete=bool(row.get("incomplete")),
    )
