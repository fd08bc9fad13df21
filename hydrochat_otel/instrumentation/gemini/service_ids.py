"""Forms of the ids that the service gives: a text of another form may be about a person, and is not recorded."""

import re
from typing import Any, Final

_ID: Final = re.compile(r"[A-Za-z0-9_\-]{4,256}={0,2}", re.ASCII)
"""Of a reply, or of a call of a tool: no white space, no punctuation, no prose."""
_PREVIOUS: Final = re.compile(
    r"(?:v\d{1,3}_)[A-Za-z0-9_\-]{16,512}={0,2}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII
)
"""Of an earlier reply, which a caller states: longer than any name, record or phone number."""


def given(text: Any) -> str | None:
    """Return an id that the service gave a reply or a call of a tool; None for any other text."""
    return text if isinstance(text, str) and _ID.fullmatch(text) else None


def stated(text: Any) -> str | None:
    """Return an id of an earlier reply that a caller states; None for any other text."""
    return text if isinstance(text, str) and _PREVIOUS.fullmatch(text) else None
