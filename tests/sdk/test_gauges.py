"""Promises of :mod:`hydrochat_otel.sdk.gauges`, and of a snapshot's agreement with itself."""

from hydrochat_otel.instrumentation.tracker import track_response_time


def test_what_the_application_added_is_in_its_own_list_only(installed):
    """A dictionary that the application added is not an entry of a snapshot, and is not counted as one."""
    installed.store.add_entry({"operation": "own"})
    with track_response_time("turn"):
        pass
    snapshot = installed.snapshot()
    assert (snapshot.retention.current_entries, len(snapshot.entries), len(installed.store)) == (1, 1, 2)
