"""The intents that a nurse's message can have."""

from enum import StrEnum


class Intent(StrEnum):
    """The intent of a message; the value is the name, so it goes through JSON and a response schema unchanged."""

    CREATE_PATIENT = "CREATE_PATIENT"
    UPDATE_PATIENT = "UPDATE_PATIENT"
    DELETE_PATIENT = "DELETE_PATIENT"
    LIST_PATIENTS = "LIST_PATIENTS"
    GET_PATIENT_DETAILS = "GET_PATIENT_DETAILS"
    GET_SCAN_RESULTS = "GET_SCAN_RESULTS"
    SHOW_MORE_SCANS = "SHOW_MORE_SCANS"
    PROVIDE_DEPTH_MAPS = "PROVIDE_DEPTH_MAPS"
    PROVIDE_AGENT_STATS = "PROVIDE_AGENT_STATS"
    CANCEL = "CANCEL"
    UNKNOWN = "UNKNOWN"
