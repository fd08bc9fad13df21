"""The alert watch: calls the application once when a threshold is exceeded and once when it no longer is.

A budget has several thresholds: reaching a higher one begins the alert again. If the budget falls back, as at midnight,
or another period becomes the decisive one, the alert ends and begins.

from hydrochat_otel.alerting import on_alert

stop = on_alert(lambda change: page_the_nurse_station(change.alert.message) if change.firing else None)
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.runtime import failures, forks, process_globals
from hydrochat_otel.runtime.forks import ForkLock, Phase
from hydrochat_otel.views import thresholds as alerts
from hydrochat_otel.views.thresholds import DEFAULT_THRESHOLDS, Alert, AlertName, Counts, Thresholds
from hydrochat_otel.window.snapshot import Snapshot

__all__ = ["Alert", "AlertChange", "AlertWatch", "Thresholds", "on_alert"]


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert that began or ended.

    Attributes:
        alert: Its state now; for an alert that ended, its last state.
        firing: Whether it began.
        unix_s: When the watch noticed it, in seconds since the epoch.
    """

    alert: Alert
    firing: bool
    unix_s: float


Callback = Callable[[AlertChange], object]


class AlertWatch:
    """Compares each snapshot with the previous one; one thread at a time.

    Args:
        thresholds: The thresholds.
        window_s: How far back counts are evaluated; an alert ends that long after its cause.
    """

    def __init__(self, thresholds: Thresholds = DEFAULT_THRESHOLDS, window_s: float = 3600.0) -> None:
        self._thresholds = thresholds
        self._window_s = window_s
        self._firing: dict[AlertName, Alert] = {}
        self._seen: deque[Counts] = deque([Counts()])

    def __repr__(self) -> str:
        return f"<AlertWatch: {', '.join(self._firing) or 'nothing'} firing>"

    @property
    def firing(self) -> Mapping[AlertName, Alert]:
        """The alerts that have begun and not ended, by name."""
        return dict(self._firing)

    def look(self, snapshot: Snapshot) -> list[AlertChange]:
        """Return the changes since the last call: ended alerts first, then those that began."""
        found = {alert.name: alert for alert in alerts.evaluate(snapshot, self._thresholds, self._since(snapshot))}
        ended = [alert for name, alert in self._firing.items() if _has_ended(alert, found.get(name))]
        began = [alert for name, alert in found.items() if _has_begun(alert, self._firing.get(name))]
        self._firing = found
        return [AlertChange(alert, firing=False, unix_s=snapshot.unix_s) for alert in ended] + [
            AlertChange(alert, firing=True, unix_s=snapshot.unix_s) for alert in began
        ]

    def _since(self, snapshot: Snapshot) -> Counts:
        now = Counts.of(snapshot)
        if now.calls < self._seen[-1].calls:  # from other providers, whose counters start at 0
            self._seen = deque([Counts()])
        start_unix_s = snapshot.unix_s - self._window_s
        while len(self._seen) > 1 and self._seen[1].unix_s <= start_unix_s:
            self._seen.popleft()
        self._seen.append(now)
        return self._seen[0]


def _has_begun(now: Alert, before: Alert | None) -> bool:
    return before is None or (now.threshold, now.period) != (before.threshold, before.period)


def _has_ended(before: Alert, now: Alert | None) -> bool:
    return now is None or (now.threshold <= before.threshold and _has_begun(now, before))


class _Watcher:
    """A callback, its watch and the thread that evaluates."""

    def __init__(self, callback: Callback, watch: AlertWatch, interval_s: float) -> None:
        self._callback = callback
        self._watch = watch
        self._interval_s = interval_s
        self._stop = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="hydrochat-otel-alerts", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def restart_after_fork(self) -> None:
        self._stop = threading.Event()
        self.start()

    def look(self) -> None:
        try:
            changes = self._watch.look(pipeline.current().snapshot())
        except PipelineError:
            return
        except Exception as error:
            failures.note("alerts.evaluate", error)
            return
        for change in changes:
            try:
                self._callback(change)
            except Exception as error:
                failures.note("alerts.callback", error)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.look()


_lock: Final = ForkLock()
_watchers: Final[list[_Watcher]] = []


def on_alert(
    callback: Callback,
    *,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    interval_s: float = 15.0,
    window_s: float = 3600.0,
) -> Callable[[], None]:
    """Call back whenever an alert begins or ends; returns a function that stops it.

    A daemon thread, which exists only while a callback is registered, evaluates the thresholds and calls back: the
    application is never blocked, a slow callback only delays the next evaluation. A callback that raises is counted
    under the component ``alerts.callback`` and called again on the next change.

    Args:
        callback: Takes an :class:`AlertChange`.
        thresholds: The thresholds; ``Thresholds(min_calls_for_error_rate=1)`` judges from the first call on.
        interval_s: Seconds between two evaluations.
        window_s: How far back calls, retries and slow operations are judged, in seconds.

    Raises:
        ValueError: An interval or window is not above 0.
    """
    if not (interval_s > 0 and window_s > 0):
        raise ValueError(f"interval_s={interval_s} and window_s={window_s} must be above 0.")
    watcher = _Watcher(callback, AlertWatch(thresholds, window_s), interval_s)
    with _lock:
        _watchers.append(watcher)
        watcher.start()

    def stop() -> None:
        watcher.stop()
        with _lock:
            if watcher in _watchers:
                _watchers.remove(watcher)

    return stop


def _start_in_child() -> None:
    for watcher in _watchers:
        watcher.restart_after_fork()


forks.register(Phase.THREADS, in_child=_start_in_child)


def _forget() -> None:
    for watcher in _watchers:
        watcher.stop()
    _watchers.clear()


process_globals.register("alert watchers", _forget)
