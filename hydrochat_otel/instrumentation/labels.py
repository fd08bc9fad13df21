"""Closed sets of label values: a bounded number of distinct values, each of a safe form; anything else is ``other``."""

import re
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures

_MAX_LENGTH: Final = 96

# No white space, so no prose and no full names; no run of five digits, so no NRIC, phone or record number; no date.
_IDENTIFIER: Final = re.compile(
    r"(?!.*\d{5})(?!.*\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4})[A-Za-z_][A-Za-z0-9_.:/\-]*", re.ASCII
)

# A model's id is a family and then only words, versions, sizes and months of the vendor's own vocabulary, because a
# caller's mistake may pass anything as a model. New words come in with the price book and the operator's price file.
_FAMILIES: Final = (
    "gemini|gemma|imagen|veo|lyria|learnlm|embedding|text-embedding|text-multilingual-embedding|multimodalembedding|"
    "aqa|medlm|medgemma|nano-banana|deep-research"
)
_WORDS: Final = (
    "pro|flash|lite|ultra|nano|banana|mini|max|omni|exp|experimental|preview|latest|stable|thinking|deep|think|"
    "research|image|images|imagen|generation|generate|edit|fast|tts|live|audio|video|native|dialog|translate|computer|"
    "use|robotics|er|streaming|vision|embedding|multimodal|multilingual|text|code|gecko|it|pt|maas|customtools|realtime"
)
_FIGURES: Final = r"v?\d{1,2}(?:\.\d{1,2})?n?|00\d|20[2-4]\d|[ae]?\d{1,3}b"
_MODEL: Final = re.compile(rf"(?!.*-\d+-\d+-\d+(?:-|$))(?:{_FAMILIES})(?:-(?:{_WORDS}|{_FIGURES}))*", re.ASCII)


class ClosedSet:
    """Admits label values of one form up to a number of distinct ones; whatever else becomes ``other`` and is counted.

    Admission of a value seen before is one dictionary look-up. Any thread may call; two threads that bring the last
    new value at the same instant may exceed the limit by one.
    """

    __slots__ = ("_admitted", "_form", "_limit", "_seam")

    def __init__(self, seam: str, limit: int, form: re.Pattern[str]) -> None:
        self._seam = seam
        self._limit = limit
        self._form = form
        self._admitted: dict[str, str] = {}

    def admit(self, value: str) -> str:
        """Return the value itself when it belongs to the set, else ``other``."""
        known = self._admitted.get(value)
        if known is not None:
            return known
        if len(self._admitted) < self._limit and len(value) <= _MAX_LENGTH and self._form.fullmatch(value):
            self._admitted[value] = value
            return value
        failures.note(self._seam)
        return semconv.OTHER


def operation_names(limit: int) -> ClosedSet:
    """Return a set that admits identifier-like operation names (``chat.turn``, ``lookup_scans``), at most `limit`."""
    return ClosedSet("label.operation", limit, _IDENTIFIER)


def model_names(limit: int = 100) -> ClosedSet:
    """Return a set that admits bare ids of the known families of models, at most `limit`."""
    return ClosedSet("label.model", limit, _MODEL)


def error_types(limit: int = 100) -> ClosedSet:
    """Return a set that admits names of exception classes and status codes, at most `limit`."""
    return ClosedSet("label.error_type", limit, re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[1-5]\d\d", re.ASCII))
