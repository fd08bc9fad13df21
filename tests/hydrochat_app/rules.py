"""Intents that are recognised without a model: whole messages only, everything else is left to the model."""

from hydrochat_otel.enums import Intent

_WHOLE_MESSAGES = {
    "cancel": Intent.CANCEL,
    "stop": Intent.CANCEL,
    "more scans": Intent.SHOW_MORE_SCANS,
    "list patients": Intent.LIST_PATIENTS,
    "stats": Intent.PROVIDE_AGENT_STATS,
}
_NEED_FIELDS = {
    Intent.CREATE_PATIENT: ["first_name", "last_name", "nric", "contact_no", "date_of_birth", "details"],
    Intent.UPDATE_PATIENT: ["patient_id", "nric", "contact_no", "details"],
    Intent.DELETE_PATIENT: ["patient_id", "nric"],
    Intent.GET_PATIENT_DETAILS: ["patient_id", "nric"],
    Intent.GET_SCAN_RESULTS: ["patient_id", "nric"],
}


def intent_of(message):
    """Return the intent of a message that is one of a few phrases, or None."""
    return _WHOLE_MESSAGES.get(message.strip().lower())


def fields_for(intent):
    """The fields that an intent needs, none for most."""
    return _NEED_FIELDS.get(intent, [])
