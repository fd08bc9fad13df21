"""A clock that moves only when a test advances it, so that durations are exact."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from hydrochat_otel.runtime.deferred_queue import settle_all

_MEASURING_MODULES: Final = "hydrochat_otel.instrumentation."


class _Moment(float):
    """Seconds of the monotonic clock, which know their nanoseconds."""

    def __new__(cls, monotonic_ns: int) -> Self:
        self = super().__new__(cls, monotonic_ns / 1e9)
        self._ns = monotonic_ns
        return self

    _ns: int

    def __sub__(self, other: float) -> float:
        return (self._ns - other._ns) / 1e9 if isinstance(other, _Moment) else float(self) - other


class SteppedClock:
    """Replaces the module :mod:`time` in the modules that measure operations and calls.

    Wall clock and monotonic clock move together, by :meth:`advance` only. The window's ages count from the moment an
    entry arrives and stay on the real clock.

    Args:
        start_unix_s: The initial time of the wall clock, in seconds since the epoch; by default now.
    """

    def __init__(self, start_unix_s: float | None = None) -> None:
        self._unix_ns = time.time_ns() if start_unix_s is None else round(start_unix_s * 1e9)
        self._monotonic_ns = time.perf_counter_ns()

    def __repr__(self) -> str:
        return f"<SteppedClock at {self._unix_ns / 1e9:.3f} s since the epoch>"

    def advance(self, seconds: float) -> None:
        """Move the clock; a running operation takes that much longer.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"advance({seconds}) would turn the clock back; a stepped clock never goes back")
        step_ns = round(seconds * 1e9)
        self._unix_ns += step_ns
        self._monotonic_ns += step_ns

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self._unix_ns / 1e9

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return self._unix_ns

    def monotonic(self) -> float:
        """Return seconds of the monotonic clock."""
        return self._monotonic_ns / 1e9

    def monotonic_ns(self) -> int:
        """Return nanoseconds of the monotonic clock."""
        return self._monotonic_ns

    def perf_counter(self) -> float:
        """Return seconds of the monotonic clock; two of them differ by what the clock was advanced, exactly."""
        return _Moment(self._monotonic_ns)

    def perf_counter_ns(self) -> int:
        """Return nanoseconds of the monotonic clock."""
        return self._monotonic_ns

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @contextmanager
    def in_charge(self) -> Iterator[Self]:
        """Measure operations and calls with this clock within a `with` block."""
        settle_all()  # what is noted is dated by the clock that is in charge then
        modules = [module for name, module in sys.modules.items() if name.startswith(_MEASURING_MODULES)]
        patched = [module for module in modules if getattr(module, "time", None) is time]
        for module in patched:
            vars(module)["time"] = self
        try:
            yield self
        finally:
            settle_all()
            for module in patched:
                vars(module)["time"] = time
