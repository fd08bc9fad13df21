"""Marked fake patients, and the search for them in everything that leaves the process.

Put :data:`PATIENT`'s texts into every place where an application might put them; then pass every span, metric, log
line, page or store to :func:`assert_clean`.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

NAME = "Canary Tan Ah Kow"
NRIC = "S7654321D"
PHONE = "+65 9876 5432"
BORN = "1951-07-23"

PATIENT = f"{NAME} {NRIC} {PHONE} {BORN}"
"""All of it in one text, for prompts, arguments and messages."""

SLUG = f"canary-tan-{NRIC.lower()}"
"""The form that survives in names, paths and URLs."""

_TRACES = ("canary", "tan ah kow", "7654321", "98765432", "9876 5432", "1951-07-23", "23.7.1951")


def found_in(what: Any) -> list[str]:
    """Return the traces of the patient in the text of anything: records, mappings, spans, metrics, bytes."""
    text = _text(what).lower()
    return [trace for trace in _TRACES if trace in text]


def assert_clean(**places: Any) -> None:
    """Fail if the patient left a trace in one of the named places; the message names both."""
    dirty = {place: traces for place, what in places.items() if (traces := found_in(what))}
    assert not dirty, f"the patient was found: {dirty}"


def _text(what: Any) -> str:
    if isinstance(what, str | bytes):
        return what if isinstance(what, str) else what.decode("utf-8", "replace")
    if hasattr(what, "to_json"):
        return str(what.to_json())
    if dataclasses.is_dataclass(what) and not isinstance(what, type):
        return repr(what)
    if isinstance(what, Mapping):
        return json.dumps({str(key): _text(value) for key, value in what.items()}, ensure_ascii=False)
    if isinstance(what, Iterable):
        return "\n".join(_text(item) for item in what)
    return repr(what)
