"""A conversation of fifty turns: the nurse's messages and their intents."""

from hydrochat_otel.demo.patients import PATIENTS

_MOMENTS = {
    2: "(busy)",
    5: "(overloaded)",
    11: "(refused)",
    17: "(withheld)",
    23: "(babbling)",
    31: "(thinking)",
    38: "(cached)",
}


def _words(patient):
    first, last = patient.name.split(" ", 1)
    return first, last, patient.nric, patient.wound.replace(", ", " ")


def conversation(turns=50):
    """Return (message, intent) for each turn; words in brackets make the model fail, so that the intent is UNKNOWN."""
    return [_turn(number) for number in range(turns)]


def _turn(number):
    first, last, nric, wound = _words(PATIENTS[number // 10 % len(PATIENTS)])
    written = [
        (f"Please register {first} {last}, {nric}, phone 91234567, {wound}", "CREATE_PATIENT"),
        (f"Show me the record of {nric}", "GET_PATIENT_DETAILS"),
        (f"Show me the scans of {nric}", "GET_SCAN_RESULTS"),
        ("more scans", "SHOW_MORE_SCANS"),
        ("Are there further ones?", "SHOW_MORE_SCANS"),
        ("And the depth maps?", "PROVIDE_DEPTH_MAPS"),
        (f"Please change her number, {nric}, phone 98765432", "UPDATE_PATIENT"),
        ("Who are all patients?", "LIST_PATIENTS"),
        ("Oh, never mind", "CANCEL"),
        (f"Please remove {nric}", "DELETE_PATIENT"),
    ]
    message, intent = written[number % 10]
    moment = _MOMENTS.get(number)
    if moment is None:
        return message, intent
    if moment in {"(refused)", "(withheld)", "(babbling)"}:
        intent = "UNKNOWN"
    if moment in {"(thinking)", "(cached)"}:
        intent = "LIST_PATIENTS"
    return f"{message} {moment}", intent
