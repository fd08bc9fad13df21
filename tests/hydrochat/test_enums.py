"""Promises of :mod:`hydrochat_otel.hydrochat.enums`."""

import json

from hydrochat_otel.hydrochat.enums import Intent


def test_the_eleven_intents():
    """The eleven intents have their names as values, which survive JSON."""
    names = [
        "CREATE_PATIENT",
        "UPDATE_PATIENT",
        "DELETE_PATIENT",
        "LIST_PATIENTS",
        "GET_PATIENT_DETAILS",
        "GET_SCAN_RESULTS",
        "SHOW_MORE_SCANS",
        "PROVIDE_DEPTH_MAPS",
        "PROVIDE_AGENT_STATS",
        "CANCEL",
        "UNKNOWN",
    ]
    assert [(intent.name, intent.value) for intent in Intent] == [(name, name) for name in names]
    assert [Intent(value) for value in json.loads(json.dumps(list(Intent)))] == list(Intent)
