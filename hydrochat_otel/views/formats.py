"""How the JSON documents write times, dollars and numbers, and how any document becomes bytes.

Each format is defined once, so the same amount is the same number wherever it is shown.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson

from hydrochat_otel.runtime import failures
from hydrochat_otel.window import dollars
from hydrochat_otel.window.moments import are_usual, microseconds

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_TWO_DIGITS: Final = tuple(f"{number:02d}" for number in range(60))
_SIGNED_64_BIT: Final = range(-(2**63), 2**63)
_MAX_DEPTH: Final = 64
_SMALL_USD: Final = 0.01
_INDENTED: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def finite(number: float | None) -> float | None:
    """Return the number, or None if it is unknown, NaN or infinite: JSON cannot represent those."""
    return number if number is not None and math.isfinite(number) else None


def seconds(number: float | None) -> float | None:
    """Return a number of seconds in whole milliseconds; None as in :func:`finite`."""
    return None if (known := finite(number)) is None else round(known, 3)


def usd(amount: float | None) -> float | None:
    """Return dollars without the rounding errors of sums of doubles; None as in :func:`finite`.

    Digits beyond a millionth of a millionth of a dollar are such errors.
    """
    return None if (known := finite(amount)) is None else dollars.shown(known)


def usd_text(amount: float | None) -> str:
    """Return dollars for people: four decimals, and as many more as a small amount needs to be seen."""
    if amount is None:
        return "unknown"
    if not amount:
        return "$0"
    decimals = 4 if abs(amount) >= _SMALL_USD else min(12, 2 - math.floor(math.log10(abs(amount))))
    return f"${amount:,.{decimals}f}"


def count(number: float) -> int | None:
    """Return a count as the nearest whole number; None if it is NaN or infinite."""
    return round(number) if math.isfinite(number) else None


def milliseconds(unix_s: float) -> int:
    """Return whole milliseconds since the epoch, as JavaScript counts time."""
    return round(microseconds(unix_s) / 1000)


def all_milliseconds(unix_s: Sequence[float]) -> list[int]:
    """Return :func:`milliseconds` of each time, several times faster."""
    if are_usual(unix_s):
        return [round(round(one * 1e6) / 1000) for one in unix_s]
    return [milliseconds(one) for one in unix_s]


def utc(unix_s: float) -> str:
    """Return the moment as ISO 8601 in UTC, always with microseconds, so that time stamps sort as text."""
    return utc_of(microseconds(unix_s))


def utc_of(end_us: int) -> str:
    """Return :func:`utc` of whole microseconds since the epoch, within Python's calendar."""
    # The standard library takes three times as long to write the time of day.
    second = end_us // 1_000_000
    minute = second // 60
    of_hour = f"{_TWO_DIGITS[minute % 60]}:{_TWO_DIGITS[second % 60]}"
    return f"{_hour(minute // 60)}{of_hour}.{end_us % 1_000_000:06d}+00:00"


@lru_cache(maxsize=64)
def _hour(hour: int) -> str:
    return (_EPOCH + timedelta(hours=hour)).isoformat()[:14]


def utc_seconds(unix_s: float) -> str:
    """Return a moment that is a whole number of seconds as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=microseconds(unix_s))).isoformat()


def encoded(document: Mapping[str, Any], *, indented: bool = True) -> bytes:
    """Return any document as JSON text in UTF-8; never raises because of a value in it.

    Only a value that JSON cannot represent changes, and is counted under `json.value`: a lone surrogate becomes U+FFFD,
    an integer beyond 64 bits the nearest double (null beyond those), anything else without a JSON form null.
    """
    option = _INDENTED if indented else orjson.OPT_APPEND_NEWLINE
    try:
        return orjson.dumps(document, option=option)
    except (TypeError, ValueError, RecursionError) as error:
        failures.note("json.value", error)
    return orjson.dumps(_encodable(document), option=option)


def _encodable(value: Any, depth: int = 0) -> Any:
    found: Any = None
    if isinstance(value, bool | float | orjson.Fragment):
        found = value
    elif isinstance(value, str):
        found = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    elif isinstance(value, int):
        found = int(value) if value in _SIGNED_64_BIT else _double(value)
    elif depth < _MAX_DEPTH and isinstance(value, Mapping):
        found = {str(_encodable(str(key))): _encodable(item, depth + 1) for key, item in value.items()}
    elif depth < _MAX_DEPTH and isinstance(value, list | tuple):
        found = [_encodable(item, depth + 1) for item in value]
    return found


def _double(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def printable(text: str, longest: int = 2000) -> str:
    """Return the text for a terminal: cut, and without control characters, so no escape sequence passes."""
    return "".join(character for character in text[:longest] if character.isprintable())
