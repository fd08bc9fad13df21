"""Checks of what other processes wrote into the shared state: types, ranges and finiteness.

A process of another version, a damaged disk or another program may have written it, so every value is checked.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar

import orjson

_T = TypeVar("_T")

MAX_BYTES: Final = 64 * 1024 * 1024
"""The longest value that is decoded: ten times the totals of a process at the SDK's limits."""
MAX_TEXT: Final = 4096
MAX_WHOLE: Final = 2**53
"""Every whole number up to here is exact as a JSON number and as a double, and sums of many fit into 64 bits."""
MAX_UNIX_S: Final = 253_000_000_000.0
"""In the year 9987; a datetime can represent it in any time zone."""
MAX_AMOUNT: Final = 1e15
"""Dollars or seconds."""


class DecodingError(ValueError):
    """The state holds something that this version did not write; the message names the field, never the value."""


def loads(data: bytes, what: str) -> Any:
    """Return the JSON value of the bytes."""
    if len(data) > MAX_BYTES:
        refuse(f"{what} has {len(data)} bytes; at most {MAX_BYTES} are read")
    try:
        return orjson.loads(data)
    except ValueError:
        refuse(f"{what} is not JSON")


def dumps(value: Any) -> bytes:
    """Return the value as JSON; never raises for what a process measured.

    A lone surrogate, which no encoding can write, becomes its escape; a whole number beyond 64 bits becomes a double.
    """
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return orjson.dumps(_writable(value))


def refuse(sentence: str) -> NoReturn:
    """Raise :class:`DecodingError`."""
    raise DecodingError(f"{sentence}.")


def text(raw: Any, field: str, *, longest: int = MAX_TEXT) -> str:
    """Return the text."""
    if type(raw) is not str or len(raw) > longest:
        refuse(f"{field} is not a text of at most {longest} characters")
    return raw


def one_of(raw: Any, field: str, words: Sequence[_T]) -> _T:
    """Return the word, which is one of a closed set."""
    if type(raw) is not str or raw not in words:
        refuse(f"{field} is none of {', '.join(map(str, words))}")
    return words[words.index(raw)]


def flag(raw: Any, field: str) -> bool:
    """Return the flag."""
    if type(raw) is not bool:
        refuse(f"{field} is neither true nor false")
    return raw


def whole(raw: Any, field: str, *, most: int = MAX_WHOLE) -> int:
    """Return the whole number from 0 to `most`."""
    if type(raw) is not int or not 0 <= raw <= most:
        refuse(f"{field} is not a whole number from 0 to {most}")
    return raw


def amount(raw: Any, field: str, *, least: float = 0.0, most: float = MAX_AMOUNT) -> float:
    """Return the finite number within its range."""
    if type(raw) not in {int, float} or not least <= raw <= most:
        refuse(f"{field} is not a number from {least:g} to {most:g}")
    return float(raw)


def measured(raw: Any, field: str) -> float:
    """Return the number of another library's metric, whole or not; infinities and NaN are written as words."""
    if type(raw) is float:
        return raw
    if type(raw) is int:
        return raw if -MAX_WHOLE <= raw <= MAX_WHOLE else float(raw)
    if type(raw) is str and raw in _WORDS:
        return float(raw)
    refuse(f"{field} is not a number")


def number(value: float) -> float | str:
    """Return what represents the number in JSON, which has no infinity and no NaN."""
    return value if math.isfinite(value) else repr(float(value))


def identifier(raw: Any, field: str, *, bits: int) -> int:
    """Return the number of a hexadecimal id of this many bits."""
    if type(raw) is not str or not _HEX.fullmatch(raw) or len(raw) > bits // 4:
        refuse(f"{field} is not a hexadecimal number of {bits} bits")
    return int(raw, 16)


def day(raw: str, field: str) -> str:
    """Return the ISO date."""
    if not _DAY.fullmatch(raw):
        refuse(f"{field} is not an ISO date")
    return raw


def mapping(raw: Any, field: str) -> Mapping[str, Any]:
    """Return the object."""
    if type(raw) is not dict:
        refuse(f"{field} is not an object")
    return raw


def texts(raw: Any, field: str) -> dict[str, str]:
    """Return the object whose values are texts."""
    found = mapping(raw, field)
    for key, value in found.items():
        if type(value) is not str or len(value) > MAX_TEXT or len(key) > MAX_TEXT:
            refuse(f"{field} holds something other than texts of at most {MAX_TEXT} characters")
    return dict(found)


def sequence(raw: Any, field: str, *, length: int | None = None) -> list[Any]:
    """Return the list, of that length if one is given."""
    if type(raw) is not list or (length is not None and len(raw) != length):
        refuse(f"{field} is not a list" + ("" if length is None else f" of {length}"))
    return raw


def or_none(check: Callable[[Any, str], _T]) -> Callable[[Any, str], _T | None]:
    """Return a check that also accepts null."""
    return lambda raw, field: None if raw is None else check(raw, field)


_WORDS: Final = frozenset({"inf", "-inf", "nan"})
_HEX: Final = re.compile(r"[0-9a-f]+")
_DAY: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


def writable_text(value: str) -> str:
    """Return the text with each lone surrogate, which no encoding can write, as its escape."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return writable_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -MAX_WHOLE <= value <= MAX_WHOLE else number(_as_double(value))
    if isinstance(value, Mapping):
        return {writable_text(str(key)): _writable(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_writable(one) for one in value]
    return value if value is None or isinstance(value, bool | float) else writable_text(str(value))


def _as_double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)
