"""What is kept of a member and of an entry, as bytes: fixed fields only, numbers, names and class names.

A record is cumulative: the newest one of a member says everything, whoever missed the ones before.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from hydrochat_otel.fleet.backend import SCHEMA_VERSION
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Attributes, Exemplar, Family, HistogramPoint, NumberPoint, Point


class RecordError(ValueError):
    """What is kept is no record of this version."""


class Record(NamedTuple):
    """The cumulative numbers of one member, or of all folded ones.

    Attributes:
        member: Who; '' for the tombstone.
        seq: Of the member's publication that brought it; 0 for the tombstone.
        unix_s: When they were collected, in seconds since the epoch.
        resource: Attributes of the process, as text.
        families: Its metrics; of the tombstone only what lasts: counters and histograms.
        spend: Dollars by day, ISO dates.
        folded: Of the tombstone, the members that were folded last, with the sequence number of each; else empty.
    """

    member: str
    seq: int
    unix_s: float
    resource: Attributes
    families: tuple[Family, ...]
    spend: Mapping[str, float]
    folded: Mapping[str, int] = {}


def encode(record: Record) -> bytes:
    """Return the record as bytes."""
    edges: dict[tuple[float, ...], int] = {}
    families = [
        [
            family.name,
            family.kind,
            family.unit,
            family.description,
            family.scope,
            family.scope_version,
            family.additive,
            [_point(point, edges) for point in family.points],
        ]
        for family in record.families
    ]
    return orjson.dumps(
        {
            "v": SCHEMA_VERSION,
            "member": record.member,
            "seq": record.seq,
            "unix_s": record.unix_s,
            "resource": record.resource,
            "spend": record.spend,
            "folded": record.folded,
            "families": families,
            "edges": [[_number(edge) for edge in one] for one in edges],
        }
    )


def decode(data: bytes) -> Record:
    """Return the record of the bytes.

    Raises:
        RecordError: They are none, or one of another version.
    """
    try:
        raw = orjson.loads(data)
        version = raw["v"]
        edges = [tuple(float(edge) for edge in one) for one in raw["edges"]]
        families = tuple(
            Family(
                name,
                kind,
                unit,
                description,
                scope,
                scope_version,
                tuple(_read_point(one, edges) for one in points),
                additive,
            )
            for name, kind, unit, description, scope, scope_version, additive, points in raw["families"]
        )
        read = Record(
            str(raw["member"]),
            int(raw["seq"]),
            float(raw["unix_s"]),
            dict(raw["resource"]),
            families,
            {str(day): float(usd) for day, usd in raw["spend"].items()},
            {str(member): int(seq) for member, seq in raw.get("folded", {}).items()},
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"The record cannot be read ({type(error).__name__}).") from None
    if version != SCHEMA_VERSION:
        raise RecordError(f"The record has version {version!r}, this program reads {SCHEMA_VERSION}.")
    return read


def readable(data: bytes | None) -> Record | None:
    """Return the record of the bytes; None where there are none, or none that can be read, which is counted."""
    try:
        return None if data is None else decode(data)
    except RecordError as error:
        failures.note("state.record", error)
        return None


def encode_entry(entry: Entry) -> bytes:
    """Return the entry as bytes; unique, because its span's id is among them."""
    return orjson.dumps(
        [
            entry.kind,
            entry.operation,
            _number(entry.duration_s),
            entry.end_unix_s,
            entry.exceeded_threshold,
            entry.error,
            entry.outcome,
            f"{entry.trace_id:x}",
            f"{entry.span_id:x}",
            f"{entry.parent_span_id:x}",
            entry.model,
            entry.tokens,
            None if entry.cost_usd is None else _number(entry.cost_usd),
        ]
    )


def decode_entry(data: bytes) -> Entry:
    """Return the entry of the bytes.

    Raises:
        RecordError: They are none.
    """
    try:
        (kind, operation, duration_s, end_unix_s, exceeded, error, outcome, trace, span, parent, *rest) = orjson.loads(
            data
        )
        model, tokens, cost_usd = rest
        return Entry(
            kind,
            operation,
            float(duration_s),
            float(end_unix_s),
            bool(exceeded),
            error,
            outcome,
            int(trace, 16),
            int(span, 16),
            int(parent, 16),
            model,
            None if tokens is None else tuple(tokens),
            None if cost_usd is None else float(cost_usd),
        )
    except (TypeError, ValueError) as error:
        raise RecordError(f"The entry cannot be read ({type(error).__name__}).") from None


def readable_entry(data: bytes) -> Entry | None:
    """Return the entry of the bytes; None where it cannot be read, which is counted."""
    try:
        return decode_entry(data)
    except RecordError as error:
        failures.note("state.record", error)
        return None


def _number(value: float) -> float | str:
    # JSON has no word for infinity and NaN; float() reads the words that repr() writes.
    return value if math.isfinite(value) else repr(float(value))


def _value(raw: Any) -> float:
    return float(raw) if isinstance(raw, str) else raw


def _point(point: Point, edges: dict[tuple[float, ...], int]) -> list[Any]:
    if isinstance(point, HistogramPoint):
        index = edges.setdefault(point.edges, len(edges))
        return [point.attributes, index, point.counts, _number(point.sum), [*map(list, point.exemplars)]]
    return [point.attributes, _number(point.value), [*map(list, point.exemplars)]]


def _read_point(raw: Sequence[Any], edges: list[tuple[float, ...]]) -> Point:
    attributes, *numbers, exemplars = raw
    seen = tuple(Exemplar(*one) for one in exemplars)
    if len(numbers) == 1:
        return NumberPoint(attributes, _value(numbers[0]), seen)
    index, counts, total = numbers
    return HistogramPoint(attributes, edges[index], tuple(counts), _value(total), seen)
