"""Makes the emulated Gemini's replies from the application's messages, including its failures."""

import json
import re
import threading

from hydrochat_otel.testing.replies import Usage, answer, blocked, failure, rate_limited

_INTENTS = {
    "register": "CREATE_PATIENT",
    "change": "UPDATE_PATIENT",
    "remove": "DELETE_PATIENT",
    "all patients": "LIST_PATIENTS",
    "record": "GET_PATIENT_DETAILS",
    "scans of": "GET_SCAN_RESULTS",
    "further": "SHOW_MORE_SCANS",
    "depth": "PROVIDE_DEPTH_MAPS",
    "statistics": "PROVIDE_AGENT_STATS",
    "never mind": "CANCEL",
}
_MOMENTS = {
    "(busy)": (rate_limited(0.05),),
    "(overloaded)": (failure(503), failure(500)),
    "(refused)": (failure(400),),
    "(withheld)": (blocked(usage=Usage(prompt=150)),),
    "(babbling)": (answer("Certainly! I think they want a cup of tea.", usage=Usage(prompt=160, answer=11)),),
    "(thinking)": (answer('{"intent": "LIST_PATIENTS"}', usage=Usage(prompt=170, answer=8, thinking=90)),),
    "(cached)": (answer('{"intent": "LIST_PATIENTS"}', usage=Usage(prompt=900, cached=800, answer=8)),),
}


class WardBrain:
    """Classifies by words, reads fields by patterns; words in brackets select a failure first."""

    def __init__(self):
        self._lock = threading.Lock()
        self._done = {}

    def __call__(self, request):
        """Return the reply to one request."""
        message = json.loads(request.parts[0]["text"])["message"]
        properties = request.generation_config["responseSchema"]["properties"]
        is_intent = "intent" in properties
        if is_intent and (moment := self._moment(message)) is not None:
            return moment
        found = {"intent": _intent(message)} if is_intent else _fields(message, properties)
        text = json.dumps(found)
        return answer(text, usage=Usage(prompt=180 + len(message), answer=4 + len(text) // 4))

    def _moment(self, message):
        for word, replies in _MOMENTS.items():
            if word in message:
                with self._lock:
                    number = self._done[message] = self._done.get(message, -1) + 1
                if number < len(replies):
                    return replies[number]
        return None


def _intent(message):
    return next((intent for word, intent in _INTENTS.items() if word in message), "UNKNOWN")


def _fields(message, properties):
    name = re.search(r"register (\w+) ([\w ]+),", message)
    nric = re.search(r"[STFGM]\d{7}[A-Z]", message)
    number = re.search(r"phone (\d{8})", message)
    found = {
        "first_name": name and name[1],
        "last_name": name and name[2],
        "nric": nric and nric[0],
        "contact_no": number and number[1],
        "details": message.rsplit(", ", 1)[1] if message.count(", ") > 1 else None,
    }
    return {field: found.get(field) for field in properties}
