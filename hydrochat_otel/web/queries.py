"""Query parameters: each one's check and description, in one place for both."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from hydrochat_otel.views import turns
from hydrochat_otel.views.entry_page import MAX_LIMIT, Cursor
from hydrochat_otel.web.message import Refused

_MAX_QUERY_CHARACTERS: Final = 2048

_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN: Final = "^([1-9][0-9]{0,5}s|[1-9][0-9]{0,4}m|[1-9][0-9]{0,3}h|[1-9][0-9]{0,2}d|[1-9][0-9]?w)$"
_OPERATION: Final = "^[A-Za-z_][A-Za-z0-9_.:/-]{0,95}$"
_MODEL: Final = "^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,95}$"
_TURN: Final = "^[0-9a-f]{1,32}-[0-9a-f]{1,16}-[0-9a-f]{1,16}$"
_DECIMAL: Final = "^[0-9]{1,9}([.][0-9]{1,9})?$"
_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+\- ])(\d{2}):(\d{2}))", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: how its text becomes a value (ValueError refuses it), and its description for OpenAPI."""

    name: str
    parse: Callable[[str], Any]
    allowed: str
    schema: Mapping[str, Any]
    description: str
    default: Any = None


def read(query: str, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """Return the value of each parameter by name, its default if it is missing.

    Raises:
        Refused: 400 with one sentence: an unknown name, one given twice, or an invalid value.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values = {parameter.name: parameter.default for parameter in parameters}
    if len(query) > _MAX_QUERY_CHARACTERS:
        raise Refused(400, f"The query is longer than {_MAX_QUERY_CHARACTERS} characters.")
    seen: set[str] = set()
    for name, text in parse_qsl(query, keep_blank_values=True):
        parameter = known.get(name)
        if parameter is None:
            raise Refused(400, f"An unknown parameter is given; there are {', '.join(known) or 'none'}.")
        if name in seen:
            raise Refused(400, f"{name} is given twice.")
        seen.add(name)
        try:
            values[name] = parameter.parse(text)
        except ValueError:
            raise Refused(400, f"{name} must be {parameter.allowed}.") from None
    return values


def _moment(text: str) -> float:
    """Return seconds since the epoch for a time stamp of RFC 3339; a space in the place of a plus counts as one."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError
    date, minute, second, fraction, sign, hours, minutes = match.groups()
    if date.startswith("0000"):
        # The standard allows this year and Python's calendar does not; it is before everything anyway.
        date = f"0001{date[4:]}"
    # A leap second is the end of the second before it.
    second, fraction = ("59", "999999") if second == "60" else (second, f"{fraction or ''}000000"[:6])
    moment = datetime.fromisoformat(f"{date}T{minute}:{second}.{fraction}+00:00")
    if int(hours or 0) > 23 or int(minutes or 0) > 59:  # noqa: PLR2004 - the hours of a day, the minutes of an hour
        raise ValueError
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    offset_s = offset.total_seconds() * (-1 if sign == "-" else 1)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() - offset_s


def _matching(pattern: str, convert: Callable[[str], Any] = str) -> Callable[[str], Any]:
    form = re.compile(pattern.removesuffix("$"), re.ASCII)

    def parse(text: str) -> Any:
        if not form.fullmatch(text):
            raise ValueError
        return convert(text)

    return parse


def _switch(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _limit_of(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text) if re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) else 0
        if not 1 <= value <= most:
            raise ValueError
        return value

    return parse


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return parse


SINCE: Final = Parameter(
    "since",
    _moment,
    "a time with its offset (RFC 3339), for instance 2025-10-06T08:00:00Z",
    {"type": "string", "format": "date-time"},
    "Only what ended at this time or later.",
)
OPERATION: Final = Parameter(
    "operation",
    _matching(_OPERATION),
    "the name of an operation: letters, digits and _ . : / - after a letter or _, at most 96 characters",
    {"type": "string", "pattern": _OPERATION},
    "Only operations of this name.",
)
ENTRIES: Final = Parameter(
    "entries",
    _switch,
    "true or false",
    {"type": "boolean"},
    "Whether the window's entries are listed, newest first; limit or cursor imply it.",
)
DAYS: Final = Parameter(
    "days",
    _switch,
    "true or false",
    {"type": "boolean"},
    "Whether calls, tokens and dollars by day, model and outcome are listed; they are kept for 430 days.",
    default=False,
)
LIMIT: Final = Parameter(
    "limit",
    _limit_of(MAX_LIMIT),
    f"a whole number from 1 to {MAX_LIMIT}",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    "The most entries in one answer; 100 unless given.",
)
CURSOR: Final = Parameter(
    "cursor",
    _matching(Cursor.PATTERN, Cursor.read),
    "the next_cursor of an earlier answer",
    {"type": "string", "pattern": Cursor.PATTERN},
    "Where the next page begins: next_cursor of the page before.",
)
WINDOW: Final = Parameter(
    "window",
    _matching(_SPAN, lambda text: int(text[:-1]) * _UNIT_S[text[-1]]),
    "a number with a unit, for instance 90m, 24h, 7d or 4w",
    {"type": "string", "pattern": _SPAN, "default": "24h"},
    "How far back; s, m, h, d or w.",
    86_400,
)
STEP: Final = Parameter(
    "step",
    _matching(_SPAN, lambda text: int(text[:-1]) * _UNIT_S[text[-1]]),
    "a number with a unit, for instance 30s, 15m or 1d",
    {"type": "string", "pattern": _SPAN},
    "Length of one step; about a hundredth of the window unless given. Widened if there would be more than 1000 steps.",
)

TURN: Final = Parameter(
    "turn",
    _matching(_TURN),
    "the id of a turn, as the list of turns gives it",
    {"type": "string", "pattern": _TURN},
    "One turn with everything inside it; the other parameters are ignored.",
)
OUTCOME: Final = Parameter(
    "outcome",
    _one_of(turns.CONDITIONS),
    f"one of {', '.join(turns.CONDITIONS)}",
    {"type": "string", "enum": list(turns.CONDITIONS)},
    "Only turns that ended so; failed is error or blocked, slow is above the threshold that the operation states.",
)
MODEL: Final = Parameter(
    "model",
    _matching(_MODEL),
    "the name of a model: letters, digits and _ . : / - after a letter or digit, at most 96 characters",
    {"type": "string", "pattern": _MODEL},
    "Only turns that called this model.",
)
MIN_DURATION: Final = Parameter(
    "min_duration",
    _matching(_DECIMAL, float),
    "a number of seconds of at least 0, for instance 2.5",
    {"type": "string", "pattern": _DECIMAL},
    "Only turns that took at least this many seconds.",
)
MIN_COST: Final = Parameter(
    "min_cost",
    _matching(_DECIMAL, float),
    "a number of dollars of at least 0, for instance 0.01",
    {"type": "string", "pattern": _DECIMAL},
    "Only turns whose calls cost at least this many dollars.",
)
TURN_LIMIT: Final = Parameter(
    "limit",
    _limit_of(turns.MAX_TURNS),
    f"a whole number from 1 to {turns.MAX_TURNS}",
    {"type": "integer", "minimum": 1, "maximum": turns.MAX_TURNS},
    f"The most turns in the answer, the newest first; {turns.DEFAULT_TURNS} unless given.",
)

TURNS: Final = (TURN, OPERATION, OUTCOME, MODEL, MIN_DURATION, MIN_COST, SINCE, TURN_LIMIT)
EXPORT: Final = (SINCE, OPERATION, ENTRIES, LIMIT, CURSOR, DAYS)
HISTORY: Final = (WINDOW, STEP)
