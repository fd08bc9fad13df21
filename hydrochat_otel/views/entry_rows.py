"""The rows of a page of entries, as JSON text.

A row is written once for as long as its entry is among the newest. Rows of operations that differ only in their numbers
share a template, because writing those from dictionaries, and every row again for each page, takes twice the time.
"""

from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import orjson

from hydrochat_otel.runtime import failures
from hydrochat_otel.views import formats
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.latest import Placed
from hydrochat_otel.window.moments import microseconds

_LABELS: Final = itemgetter(*map(Entry._fields.index, (
    "kind", "operation", "exceeded_threshold", "error", "outcome", "role", "root_operation"
)))  # fmt: skip
_NUMBERS: Final = itemgetter(*map(Entry._fields.index, ("kind", "duration_s", "trace_id", "span_id", "parent_span_id")))
_TRACE_IDS: Final = 2**128
_SPAN_IDS: Final = 2**64
_BEFORE: Final = b'{\n  "": [\n'
_BETWEEN: Final = b",\n"
_AFTER: Final = b"\n  ]\n}\n"


def written(end_us: int, entry: Entry) -> bytes | None:
    """Return the row of an entry; None, counted under `json.entry`, if it cannot be rendered.

    Args:
        end_us: Its end as in its place: whole microseconds since the epoch, 0 if it ended earlier.
        entry: The entry.
    """
    try:
        timestamp = formats.utc_of(end_us or microseconds(entry.end_unix_s))
        kind, duration_s, trace_id, span_id, parent_span_id = _NUMBERS(entry)
        has_ids = 0 < trace_id < _TRACE_IDS and 0 <= span_id < _SPAN_IDS and not parent_span_id
        if kind == "operation" and has_ids and type(duration_s) is float:
            ids = trace_id.to_bytes(16).hex().encode(), span_id.to_bytes(8).hex().encode()
            return _template(_LABELS(entry)) % (orjson.dumps(duration_s), timestamp.encode(), *ids)
        row = entry.as_dict(timestamp)
        row["duration"] = formats.finite(row["duration"])
        if kind != "operation" and entry.is_billed:
            row["cost_usd"] = formats.usd(entry.cost_usd)
        return _encoded(row)
    except Exception as error:
        failures.note("json.entry", error)
        return None


def all_written(listed: Iterable[Placed]) -> list[bytes]:
    """Return the rows of entries; what cannot be rendered is left out."""
    return [row for (end_us, _), entry in listed if (row := written(end_us, entry)) is not None]


def joined(rows: Iterable[bytes]) -> orjson.Fragment:
    """Return the list of these rows, as the value of a name of a document that is indented."""
    text = _BETWEEN.join(rows)
    return orjson.Fragment(b"[\n" + text + b"\n  ]" if text else b"[]")


@lru_cache(maxsize=512)
def _template(labels: tuple[Any, ...]) -> bytes:
    """Return the text of the row of an operation with these labels, without duration, time stamp and ids."""
    kind, operation, exceeded_threshold, error, outcome, role, root_operation = labels
    entry = Entry(
        kind, operation, 0.0, 0.0, exceeded_threshold, error, outcome, 1, 1, role=role, root_operation=root_operation
    )
    row = {
        name: value.replace("%", "%%") if isinstance(value, str) else value for name, value in entry.as_dict("").items()
    }
    number, text = orjson.Fragment(b"%b"), orjson.Fragment(b'"%b"')
    return _encoded(row | {"duration": number, "timestamp": text, "trace_id": text, "span_id": text})


def _encoded(row: dict[str, Any]) -> bytes:
    return formats.encoded({"": [row]})[len(_BEFORE) : -len(_AFTER)]
