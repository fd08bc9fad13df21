"""The JSON export: the contract's four sections, budget and state, and the retained entries on request.

All of it is rendered from one snapshot.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from importlib.resources import files
from typing import Any, ClassVar, Final, Self

import orjson

from hydrochat_otel import semconv
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Snapshot
from hydrochat_otel.window.summary import summarise

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000

_EPOCH: Final = datetime.fromtimestamp(0, UTC)

_OPTIONS: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place between two entries, newest first: that of the last one shown, and how many equal ones were shown.

    It stays where it is while new entries arrive. Times are whole microseconds since the epoch.
    """

    PATTERN: ClassVar[str] = "^[0-9a-f]{16}-[0-9a-f]{16}-[0-9a-f]{8}$"

    end_us: int
    span_id: int
    shown: int = 0

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return the place of the entry."""
        return cls(max(0, min(_microseconds(entry.end_unix_s), 2**64 - 1)), entry.span_id)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor that :meth:`__str__` wrote; ValueError where the text is of another form."""
        if not re.fullmatch(cls.PATTERN.removesuffix("$"), text):
            raise ValueError
        return cls(*(int(part, 16) for part in text.split("-")))

    def __str__(self) -> str:
        return f"{self.end_us:016x}-{self.span_id:016x}-{self.shown:08x}"


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the retained window the export speaks of.

    Attributes:
        since_unix_s: Only what ended then or later, in seconds since the epoch.
        operation: Only entries of this name.
        entries: Whether the entries themselves are listed, newest first.
        limit: The most entries in one answer.
        cursor: Where the page begins; at the newest when not given.
    """

    since_unix_s: float | None = None
    operation: str | None = None
    entries: bool = False
    limit: int = DEFAULT_LIMIT
    cursor: Cursor | None = None

    def __call__(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that match."""
        return [
            entry
            for entry in entries
            if (self.operation is None or entry.operation == self.operation)
            and (self.since_unix_s is None or entry.end_unix_s >= self.since_unix_s)
        ]


EVERYTHING: Final = Filter()


def render(snapshot: Snapshot, shown: Filter = EVERYTHING) -> bytes:
    """Return the export as JSON text in UTF-8; its shape is :func:`schema`."""
    return dumped(picture(snapshot, shown))


def dumped(picture: dict[str, Any]) -> bytes:
    """Return the JSON text of a picture, UTF-8."""
    return orjson.dumps(picture, option=_OPTIONS)


def entity_tag(picture: dict[str, Any]) -> str:
    """Return the weak entity tag: equal for two pictures that differ in nothing but when they were taken."""
    lasting = {key: value for key, value in picture.items() if key != "timestamp"}
    if "state" in lasting:
        lasting["state"] = {key: value for key, value in lasting["state"].items() if key != "stale_seconds"}
    return f'W/"{blake2b(orjson.dumps(lasting), digest_size=12).hexdigest()}"'


def picture(snapshot: Snapshot, shown: Filter = EVERYTHING) -> dict[str, Any]:
    """Return the export as a dictionary.

    `performance_metrics` speaks of the retained window as far as it matches the filter, `llm_api_metrics` of the
    counters, which know no filter. Every call to Gemini is exactly one of successful, failed, cancelled and blocked,
    and `total_calls` is their sum. No number is NaN or infinite.
    """
    performance = summarise(shown(snapshot.operations()))
    retention = snapshot.retention
    outcomes = snapshot.sums_by(semconv.LLM_CALLS, semconv.OUTCOME)
    buckets = snapshot.sums_by(semconv.LLM_TOKENS, semconv.TOKEN_BUCKET)
    input_tokens = sum(buckets.get((bucket,), 0) for bucket in semconv.INPUT_BUCKETS)
    output_tokens = sum(buckets.get((bucket,), 0) for bucket in semconv.OUTPUT_BUCKETS)
    export: dict[str, Any] = {
        "timestamp": _utc(snapshot.unix_s),
        "performance_metrics": {
            "metrics_count": performance.metrics_count,
            "max_response_time": _finite(performance.max_response_time),
            "avg_response_time": _finite(performance.avg_response_time),
            "threshold_violations": performance.threshold_violations,
        },
        "llm_api_metrics": {
            "total_calls": int(sum(outcomes.values())),
            "successful_calls": int(outcomes.get(("ok",), 0)),
            "failed_calls": int(outcomes.get(("error",), 0)),
            "cancelled_calls": int(outcomes.get(("cancelled",), 0)),
            "blocked_calls": int(outcomes.get(("blocked",), 0)),
            "total_tokens_used": int(input_tokens + output_tokens),
            "prompt_tokens": int(input_tokens),
            "completion_tokens": int(output_tokens),
            "total_cost_usd": _usd(float(snapshot.total(semconv.LLM_COST))),
        },
        "retention_policy": {
            "max_entries": retention.max_entries,
            "ttl_hours": retention.ttl_hours,
            "current_entries": retention.current_entries,
            "storage_utilization_percent": round(retention.storage_utilization_percent, 4),
        },
        "budget": _budget(snapshot),
        "state": _state(snapshot),
    }
    if shown.entries:
        export |= _page(shown(snapshot.entries), shown)
    return export


def schema() -> bytes:
    """Return the JSON Schema (draft 2020-12) of the export."""
    return files("hydrochat_otel").joinpath("assets/schema/export.schema.json").read_bytes()


def _budget(snapshot: Snapshot) -> dict[str, float | None]:
    """Return what was spent today and this month, in dollars, and what may be; None where no budget is set."""
    budget = snapshot.budget
    return {
        "spent_today_usd": _usd(budget.spent_day_usd),
        "spent_this_month_usd": _usd(budget.spent_month_usd),
        "budget_today_usd": None if budget.day_usd is None else _usd(budget.day_usd),
        "budget_this_month_usd": None if budget.month_usd is None else _usd(budget.month_usd),
    }


def _state(snapshot: Snapshot) -> dict[str, str | int | float | None]:
    """Return where the numbers are kept, how many processes they are of, and what is wrong with that."""
    sharing = snapshot.sharing
    return {
        "kind": sharing.state,
        "workers": sharing.workers,
        "stale_seconds": round(_finite(sharing.stale_s), 3),
        "problem": sharing.problem,
    }


def _page(matching: list[Entry], shown: Filter) -> dict[str, Any]:
    """Return one page of entries, newest first, and where the next one begins."""
    ascending = sorted(matching, key=Cursor.of)
    end = len(ascending)
    if shown.cursor is not None:
        place = replace(shown.cursor, shown=0)
        first, last = (side(ascending, place, key=Cursor.of) for side in (bisect_left, bisect_right))
        end = max(first, last - shown.cursor.shown)
    start = max(0, end - shown.limit)
    next_cursor = None
    if start > 0:
        place = Cursor.of(ascending[start])
        last = bisect_right(ascending, place, key=Cursor.of)
        next_cursor = str(replace(place, shown=last - start))
    return {
        "entries": [_row(entry) for entry in reversed(ascending[start:end])],
        "page": {"limit": shown.limit, "matching": len(ascending), "next_cursor": next_cursor},
    }


def _row(entry: Entry) -> dict[str, Any]:
    row = entry.as_dict()
    row["duration"] = _finite(entry.duration_s)
    row["timestamp"] = _utc(entry.end_unix_s)
    if entry.cost_usd is not None:
        row["cost_usd"] = _finite(entry.cost_usd)
    return row


def _usd(amount: float) -> float:
    # A counter adds doubles; what is beyond a millionth of a millionth of a dollar is their rounding.
    return round(_finite(amount), 12)


def _finite(number: float) -> float:
    # JSON has no word for them, and no consumer expects null here.
    return number if math.isfinite(number) else 0.0


def _utc(unix_s: float) -> str:
    moment = _EPOCH + timedelta(microseconds=_microseconds(unix_s))
    return moment.isoformat(timespec="microseconds")  # always as long, so that it sorts as text


def _microseconds(unix_s: float) -> int:
    # For cursors and timestamps both: rounded in two ways, entries might be listed in one order and dated in another.
    return round(unix_s * 1e6)
