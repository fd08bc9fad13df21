"""The steps of a history, and the row of numbers of each step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from hydrochat_otel.views import formats
from hydrochat_otel.window import timelines
from hydrochat_otel.window.days import Missing

MAX_STEPS: Final = 1000

_USUAL_STEPS_S: Final = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)
_USUAL_NUMBER: Final = 100


@dataclass(frozen=True, slots=True)
class Steps:
    """Equal steps at multiples of their length since the epoch; the last one contains the moment of the snapshot.

    Attributes:
        unix_s: When the snapshot was taken, in seconds since the epoch.
        window_s: How far back the history reaches, in whole seconds.
        step_s: Length of a step, in whole seconds.
    """

    unix_s: float
    window_s: int
    step_s: int

    @classmethod
    def over(cls, unix_s: float, window_s: int, step_s: int | None = None) -> Self:
        """Return at most 1000 steps for the window, of the given length or of a usual one."""
        if step_s is None:
            step_s = next(
                (usual_s for usual_s in _USUAL_STEPS_S if window_s <= usual_s * _USUAL_NUMBER), _USUAL_STEPS_S[-1]
            )
        return cls(unix_s, window_s, max(step_s, math.ceil(window_s / MAX_STEPS)))

    @property
    def number(self) -> int:
        """The number of steps."""
        return math.ceil(self.window_s / self.step_s)

    @property
    def end_unix_s(self) -> int:
        """When the last step ends; this can be in the future."""
        return (math.floor(self.unix_s / self.step_s) + 1) * self.step_s

    @property
    def start_unix_s(self) -> int:
        """When the first step begins."""
        return self.end_unix_s - self.number * self.step_s

    def index(self, unix_s: float) -> int:
        """Return the number of the step that contains the time; below 0 or beyond the last outside the window."""
        return timelines.step_of(unix_s, self.start_unix_s, self.step_s)


def document(
    steps: Steps,
    source: Literal["window", "prometheus"],
    rows: list[dict[str, Any]],
    *,
    complete_since_unix_s: float | None = None,
) -> dict[str, Any]:
    """Return the history: each row gets the start of its step."""
    starts = (steps.start_unix_s + index * steps.step_s for index in range(steps.number))
    return {
        "timestamp": formats.utc(steps.unix_s),
        "source": source,
        "window_s": steps.window_s,
        "step_s": steps.step_s,
        "complete_since": None if complete_since_unix_s is None else formats.utc(complete_since_unix_s),
        "steps": [{"start": formats.utc_seconds(start), **row} for start, row in zip(starts, rows, strict=True)],
    }


def row(
    *,
    count: int | None = 0,
    avg_s: float | None = None,
    p50_s: float | None = None,
    p95_s: float | None = None,
    p99_s: float | None = None,
    violations: int | None = 0,
    errors: int | None = 0,
    error_rate: float | None = 0.0,
    calls: int | None = 0,
    tokens: int | None = 0,
    cost_usd: float | None = 0.0,
    unpriced_calls: int | None = 0,
    unpriced_tokens: int | None = 0,
    unreconciled_calls: int | None = 0,
    incomplete_calls: int | None = 0,
    incomplete_tokens: int | None = 0,
) -> dict[str, Any]:
    """Return the numbers of one step; response times are None if nothing ended in it, everything else if unknown."""
    return {
        "count": count,
        "avg_response_time": avg_s,
        "p50_response_time": p50_s,
        "p95_response_time": p95_s,
        "p99_response_time": p99_s,
        "threshold_violations": violations,
        "errors": errors,
        "error_rate": error_rate,
        "llm_calls": calls,
        "total_tokens": tokens,
        "total_cost_usd": formats.usd(cost_usd),
        "unpriced_calls": unpriced_calls,
        "unpriced_tokens": unpriced_tokens,
        "unreconciled_calls": unreconciled_calls,
        "incomplete_calls": incomplete_calls,
        "incomplete_tokens": incomplete_tokens,
    }


UNKNOWN_OPERATIONS: Final[Mapping[str, None]] = dict.fromkeys(("count", "violations", "errors", "error_rate"))
UNKNOWN_CALLS: Final[Mapping[str, None]] = dict.fromkeys(("calls", "tokens", "cost_usd", *Missing._fields))
"""Arguments of :func:`row` for a step without information."""
