"""Promises of :mod:`hydrochat_otel.alerting`."""

import os
import threading
import time

import pytest
from factories import snapshot

from hydrochat_otel import alerting
from hydrochat_otel.alerting import AlertChange, AlertWatch, on_alert
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.views.thresholds import Alert, Thresholds
from hydrochat_otel.window.snapshot import Budget

EVERY_OPERATION_IS_SLOW = 0.0


def changes(watch, **happened):
    return [(change.alert.name, change.firing) for change in watch.look(snapshot(**happened))]


def test_only_changes_are_reported():
    """An alert is reported when it begins and when it ends, not while it lasts."""
    watch = AlertWatch()
    assert changes(watch, ok=5) == []
    assert changes(watch, ok=5, error=5, unix_s=1001.0) == [("error_rate", True)]
    assert changes(watch, ok=5, error=6, unix_s=1002.0) == []
    assert changes(watch, ok=50, error=6, full=90.0, unix_s=1003.0) == [("error_rate", False), ("storage", True)]
    assert list(watch.firing) == ["storage"]
    assert changes(watch, ok=50, error=6, unix_s=1004.0) == [("storage", False)]


def test_a_change_has_the_compared_numbers():
    """A change has the alert with its sentence and numbers, and the time at which it was noticed."""
    (change,) = AlertWatch().look(snapshot(retries=7, unix_s=1234.5))
    alert = Alert("retries", "Many retries: requests had to be repeated 7 times.", 7, 5)
    assert change == AlertChange(alert, firing=True, unix_s=1234.5)


def test_each_threshold_of_the_budget_is_reported():
    """A higher share begins the alert again; at midnight it ends, and that of the month begins."""
    watch = AlertWatch()

    def changes_of(day_usd, month_usd):
        changes = watch.look(snapshot(budget=Budget(day_usd, month_usd, 10.0, 280.0)))
        return [(change.alert.period, change.alert.threshold, change.firing) for change in changes]

    assert changes_of(4.9, 100.0) == []
    assert changes_of(5.0, 100.1) == [("day", 50, True)]
    assert changes_of(7.9, 103.0) == []
    assert changes_of(8.1, 103.2) == [("day", 80, True)]
    assert changes_of(10.0, 140.0) == [("day", 100, True)]
    assert changes_of(11.0, 141.0) == []
    assert changes_of(0.0, 141.0) == [("day", 100, False), ("month", 50, True)]
    assert changes_of(5.0, 150.0) == []
    assert changes_of(8.0, 160.0) == [("day", 80, True)]
    assert changes_of(9.0, 224.0) == [("day", 80, False), ("month", 80, True)]
    assert changes_of(0.0, 281.0) == [("month", 100, True)]
    assert changes_of(0.0, 0.0) == [("month", 100, False)]


def test_an_alert_ends_a_window_after_its_cause():
    """Counters never fall, but an old increase no longer fires once the window has passed over it."""
    watch = AlertWatch(window_s=60)
    assert changes(watch, unix_s=1000.0) == []
    assert changes(watch, retries=6, unix_s=1010.0) == [("retries", True)]
    assert changes(watch, retries=6, unix_s=1069.0) == []
    assert changes(watch, retries=6, unix_s=1071.0) == [("retries", False)]
    assert changes(watch, retries=12, unix_s=1080.0) == [("retries", True)]


def test_other_providers_start_at_zero():
    """Counters that start at 0 again, as after a new install, are evaluated from 0."""
    watch = AlertWatch()
    changes(watch, ok=100)
    assert changes(watch, ok=3, error=3, unix_s=1001.0) == [("error_rate", True)]


def test_the_application_is_called(install):
    """A callback gets the change on the watching thread, and nothing after it was stopped."""
    install(response_time_threshold_s=EVERY_OPERATION_IS_SLOW)
    found, heard = [], threading.Event()

    def callback(change):
        found.append((change.alert.name, change.firing, threading.current_thread().name))
        heard.set()

    stop = on_alert(callback, interval_s=0.01)
    with track_response_time("chat.turn"):
        pass
    assert heard.wait(10)
    stop()
    stop()
    assert found == [("response_time", True, "hydrochat-otel-alerts")]
    assert alerting._watchers == []


def test_a_callback_that_raises_is_counted_and_called_again(install):
    """A callback that raises does not end the watch, and every failure is counted under its own component."""
    install(response_time_threshold_s=EVERY_OPERATION_IS_SLOW, max_entries=1)
    calls = []

    def callback(change):
        calls.append(change.alert.name)
        raise ValueError("S1234567A")

    stop = on_alert(callback, interval_s=0.01)
    with track_response_time("chat.turn"):
        pass
    end_s = time.monotonic() + 10
    while failures.counts().get("alerts.callback", 0) < 2 and time.monotonic() < end_s:
        time.sleep(0.01)
    stop()
    assert calls == ["response_time", "storage"]
    assert failures.counts() == {"alerts.callback": 2}


def test_a_missing_pipeline_is_not_a_failure():
    """Without an installed pipeline nothing is evaluated and no failure is counted."""
    stop = on_alert(lambda change: pytest.fail(str(change)), thresholds=Thresholds(max_storage_percent=0))
    (watcher,) = alerting._watchers
    watcher.look()
    stop()
    assert failures.counts() == {}


@pytest.mark.parametrize("bad", [{"interval_s": 0}, {"window_s": -1}])
def test_set_up_mistakes_raise(bad):
    """An interval or a window that is not above 0 is refused with a sentence that says so."""
    with pytest.raises(ValueError, match="must be above 0"):
        on_alert(print, **bad)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_worker_watches_too(install):
    """After a fork the child has a watching thread of its own, whose callbacks run in the child."""
    install(response_time_threshold_s=EVERY_OPERATION_IS_SLOW, state="memory")  # shared, the parent sees it as well
    read_end, write_end = os.pipe()
    stop = on_alert(lambda change: os.write(write_end, f"{os.getpid()} {change.alert.name}".encode()), interval_s=0.01)
    child = os.fork()
    if child == 0:
        with track_response_time("chat.turn"):
            pass
        threading.Event().wait(10)
        os._exit(0)
    try:
        assert os.read(read_end, 100) == f"{child} response_time".encode()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        stop()
        os.close(read_end)
        os.close(write_end)
