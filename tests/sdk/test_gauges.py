"""Promises of :mod:`hydrochat_otel.sdk.gauges`, and of a snapshot's agreement with itself."""

import json
import threading

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.views import json_export


def test_gauge_export_and_list_agree_while_eight_threads_write(install):
    """Each of 200 snapshots has one number of entries, in the gauge, in the export and in the list."""
    installed, stop = install(max_entries=500), threading.Event()

    def write():
        while not stop.is_set():
            with track_response_time("turn"):
                pass
            stop.wait(0.0005)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    different = []
    for _ in range(200):
        snapshot = installed.snapshot()
        [gauge] = snapshot.points(semconv.RETENTION_ENTRIES)
        [ratio] = snapshot.points(semconv.RETENTION_UTILIZATION)
        document = json.loads(json_export.render(snapshot))
        counts = {gauge.value, len(snapshot.entries), document["retention_policy"]["current_entries"]}
        if len(counts) > 1 or ratio.value != gauge.value / 500:
            different.append(counts)
    stop.set()
    for thread in threads:
        thread.join()
    assert different == []


def test_what_the_application_added_is_in_its_own_list_only(installed):
    """A dictionary that the application added is not an entry of a snapshot, and is not counted as one."""
    installed.store.add_entry({"operation": "own"})
    with track_response_time("turn"):
        pass
    snapshot = installed.snapshot()
    assert (snapshot.retention.current_entries, len(snapshot.entries), len(installed.store)) == (1, 1, 2)
