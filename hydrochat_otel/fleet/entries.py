"""Encodes a window entry as bytes, and decodes and checks it.

Only fields that differ from their default are written, by name. So an entry that a process of another version wrote can
be read if it has the fields that this version needs.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from hydrochat_otel import semconv
from hydrochat_otel.fleet import checks
from hydrochat_otel.fleet.checks import DecodingError, or_none
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry, Kind

_IDS: Final = {"trace_id": 128, "span_id": 64, "parent_span_id": 64}
_DEFAULTS: Final[Mapping[str, Any]] = Entry._field_defaults


def encode_entry(entry: Entry) -> bytes:
    """Return the entry as bytes; unique, because the id of its span is among them."""
    return checks.dumps(fields_of(entry))


def fields_of(entry: Entry) -> dict[str, Any]:
    """Return the entry as an object for JSON."""
    return {
        name: f"{value:x}" if name in _IDS else value
        for name, value in zip(Entry._fields, entry, strict=True)
        if name not in _DEFAULTS or value != _DEFAULTS[name]
    }


def decode_entry(data: bytes) -> Entry:
    """Return the entry of the bytes.

    Raises:
        DecodingError: They are not an entry, or a value fails its check.
    """
    return entry_of(checks.loads(data, "An entry"))


def entry_of(value: Any) -> Entry:
    """Return the entry of an object that JSON held.

    Raises:
        DecodingError: It is not an entry, or a value fails its check.
    """
    raw = checks.mapping(value, "An entry")
    fields: dict[str, Any] = {}
    for name, check in _CHECKS.items():
        if name in raw:
            fields[name] = check(raw[name], name)
        elif name not in _DEFAULTS:
            checks.refuse(f"An entry has no {name}")
    return Entry(**fields)


def readable_entry(data: bytes) -> Entry | None:
    """Return the entry of the bytes; None if it cannot be read, which is counted and logged."""
    try:
        return decode_entry(data)
    except DecodingError as error:
        failures.note("state.record", error, sentence=f"An entry of the shared state is left out: {error}")
        return None


def _tokens(raw: Any, field: str) -> tuple[int, ...]:
    counts = checks.sequence(raw, field, length=len(semconv.TOKEN_BUCKETS))
    return tuple(checks.whole(count, field) for count in counts)


def _id(raw: Any, field: str) -> int:
    return checks.identifier(raw, field, bits=_IDS[field])


def _seconds(raw: Any, field: str) -> float:
    # A duration is below zero if the host's clock was set back during another library's span.
    return checks.amount(raw, field, least=-checks.MAX_AMOUNT)


_CHECKS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "kind": lambda raw, field: checks.one_of(raw, field, get_args(Kind)),
    "operation": checks.text,
    "duration_s": _seconds,
    "end_unix_s": lambda raw, field: checks.amount(raw, field, most=checks.MAX_UNIX_S),
    "exceeded_threshold": checks.flag,
    "error": or_none(checks.text),
    "outcome": lambda raw, field: checks.one_of(raw, field, semconv.OUTCOMES),
    "trace_id": _id,
    "span_id": _id,
    "parent_span_id": _id,
    "model": or_none(checks.text),
    "tokens": or_none(_tokens),
    "cost_usd": or_none(checks.amount),
    "role": or_none(lambda raw, field: checks.one_of(raw, field, semconv.ROLES)),
    "root_operation": or_none(checks.text),
    "operation_name": or_none(checks.text),
    "incomplete": checks.flag,
    "estimated": checks.flag,
    "first_token_s": or_none(checks.amount),
    "attempts": or_none(checks.whole),
    "retry_wait_s": or_none(checks.amount),
}
