"""Response times in the original system's form: a view of a window of operations."""

import os
from datetime import UTC, datetime
from typing import Any

from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.kept import Kept
from hydrochat_otel.window.store import MetricsStore
from hydrochat_otel.window.summary import summarise


class PerformanceMetrics:
    """Response times of a window of its own, which only :meth:`add_response_time` fills.

    Args:
        max_entries: The highest number of entries; the oldest leave first.
        ttl_hours: Age in hours at which an entry expires and is no longer served.
    """

    def __init__(self, max_entries: int = 1000, ttl_hours: float = 24) -> None:
        self._own_store = MetricsStore(max_entries, ttl_hours)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self.response_times)} operations of at most {self.ttl_hours:g} h>"

    @property
    def _store(self) -> MetricsStore:
        return self._own_store

    @property
    def max_entries(self) -> int:
        """The highest number of entries."""
        return self._store.max_entries

    @property
    def ttl_hours(self) -> float:
        """Age in hours at which an entry expires."""
        return self._store.ttl_hours

    @property
    def response_times(self) -> list[dict[str, Any]]:
        """Each operation of the window, oldest first.

        Keys: `operation`, `duration` (s), `timestamp` (aware, UTC), `exceeded_threshold`, `error` (name of the
        exception's class or None).
        """
        return [
            {
                "operation": entry.operation,
                "duration": entry.duration_s,
                "timestamp": datetime.fromtimestamp(entry.end_unix_s, UTC),
                "exceeded_threshold": entry.exceeded_threshold,
                "error": entry.error,
            }
            for entry in self._store.live_entries("operation")
        ]

    def add_response_time(
        self,
        operation: str,
        duration: float,
        timestamp: datetime,
        exceeded_threshold: bool,
        error: str | None = None,
    ) -> None:
        """Add an operation that was measured elsewhere: `duration` in seconds, `timestamp` aware or naive local."""
        outcome = "ok" if error is None else "error"
        end_unix_s = timestamp.timestamp()
        # A random id distinguishes it from another operation of the same moment when windows of processes are merged.
        span_id = int.from_bytes(os.urandom(8))
        entry = Entry(
            "operation",
            operation,
            duration,
            end_unix_s,
            exceeded_threshold,
            error,
            outcome,
            span_id=span_id,
            role="root",
            root_operation=operation,
        )
        self._store.insert(entry, datetime.now(UTC).timestamp() - end_unix_s)

    def get_summary(self) -> dict[str, Any]:
        """Summarise the operations of the window.

        Keys: `metrics_count` and its alias `total_operations`, `avg_response_time`, `max_response_time`,
        `min_response_time`, `p50_response_time`, `p95_response_time`, `p99_response_time` (s), `threshold_violations`,
        `violation_rate` (0 to 1), `errors`. An empty window gives zeros.
        """
        return summarise(self._store.contents().entries).as_dict()

    def cleanup_expired(self) -> int:
        """Free the memory of expired entries and return their number."""
        return self._store.cleanup_expired()

    def reset(self) -> None:
        """Remove the operations of the window; counters for Prometheus keep their values."""
        self._store.remove(_is_operation)


def _is_operation(kept: Kept) -> bool:
    return isinstance(kept, Entry) and kept.kind == "operation"
