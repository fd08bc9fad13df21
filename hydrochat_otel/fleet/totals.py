"""Encodes what a member has counted since its start as bytes, and decodes and checks it.

Totals are cumulative: the newest ones of a member are complete, whichever were missed before.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, get_args

from hydrochat_otel import semconv
from hydrochat_otel.fleet import checks
from hydrochat_otel.fleet.backend import SCHEMA_VERSION
from hydrochat_otel.fleet.checks import DecodingError
from hydrochat_otel.fleet.day_totals import decoded_days, encoded_days
from hydrochat_otel.fleet.notable import readable_text
from hydrochat_otel.fleet.sign_outs import MAX_SIGN_OUTS, Ends
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.days import Days
from hydrochat_otel.window.snapshot import Attributes, Exemplar, Family, FamilyKind, HistogramPoint, NumberPoint, Point

_KINDS: Final = get_args(FamilyKind)
_OURS: Final = {spec.name: "counter" if spec.kind == "observable_counter" else spec.kind for spec in semconv.METRICS}
_MAX_EDGES: Final = 10_000
_MAX_EXEMPLARS: Final = 10_000
_LONGEST_SESSION: Final = 64


class Totals(NamedTuple):
    """The cumulative numbers of one member, or of all departed ones together.

    Attributes:
        member: Its id; '' for the departed.
        seq: Sequence number of the publication that brought it; 0 for the departed.
        unix_s: When they were collected, in seconds since the epoch.
        resource: Attributes of the process, as text.
        families: Its metrics; for the departed only what lasts: counters and histograms.
        days: Calls, tokens and dollars by day, model and outcome.
        merged: For the departed, the members that were merged last, with the sequence number of each; else empty.
        signed_out: Sessions that it has learned were signed out.
        notable: Its notable turns, as :mod:`notable` encodes them; '' if there are none.
    """

    member: str
    seq: int
    unix_s: float
    resource: Attributes
    families: tuple[Family, ...]
    days: Days
    merged: Mapping[str, int] = {}
    signed_out: Mapping[str, int] = {}
    notable: str = ""


def encode_totals(totals: Totals) -> bytes:
    """Return the totals as bytes."""
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
        for family in totals.families
    ]
    return checks.dumps(
        {
            "v": SCHEMA_VERSION,
            "member": totals.member,
            "seq": totals.seq,
            "unix_s": totals.unix_s,
            "resource": totals.resource,
            "days": encoded_days(totals.days),
            "merged": totals.merged,
            "signed_out": totals.signed_out,
            "notable": totals.notable,
            "families": families,
            "edges": [[checks.number(edge) for edge in one] for one in edges],
        }
    )


def decode_totals(data: bytes) -> Totals:
    """Return the totals of the bytes. A metric that fails the checks is left out, counted and named in the log.

    Raises:
        DecodingError: They are not totals, or of another version.
    """
    raw = checks.mapping(checks.loads(data, "A member's totals"), "A member's totals")
    if raw.get("v") != SCHEMA_VERSION:
        shown = raw.get("v") if isinstance(raw.get("v"), int) else "unknown"
        checks.refuse(f"A member's totals have version {shown}; this program reads {SCHEMA_VERSION}")
    edges = [_edges(one) for one in checks.sequence(raw.get("edges"), "edges")]
    read = (_readable_family(one, edges) for one in checks.sequence(raw.get("families"), "families"))
    merged = checks.mapping(raw.get("merged", {}), "merged")
    return Totals(
        checks.text(raw.get("member"), "member"),
        checks.whole(raw.get("seq"), "seq"),
        checks.amount(raw.get("unix_s"), "unix_s", most=checks.MAX_UNIX_S),
        checks.texts(raw.get("resource"), "resource"),
        tuple(family for family in read if family is not None),
        decoded_days(raw.get("days")),
        {checks.text(member, "merged"): checks.whole(seq, "merged") for member, seq in merged.items()},
        _readable_sign_outs(raw.get("signed_out", {})),
        readable_text(raw.get("notable")),
    )


def readable_totals(data: bytes | None, member: str) -> Totals | None:
    """Return a member's totals; None if there are none or they cannot be read, which is counted and logged."""
    if data is None:
        return None
    try:
        read = decode_totals(data)
        if read.member != member:
            checks.refuse("A member's totals carry another member's id")
    except DecodingError as error:
        failures.note("state.record", error, sentence=f"{_named(member)} left out: {error}")
        return None
    return read


def _named(member: str) -> str:
    return f"The totals of member {member[:32]!a} are" if member else "The totals of the departed members are"


def _readable_sign_outs(raw: Any) -> Ends:
    try:
        found = checks.mapping(raw, "the sign-outs")
        if len(found) > MAX_SIGN_OUTS:
            checks.refuse(f"there are more than {MAX_SIGN_OUTS} sign-outs")
        return {
            checks.text(identity, "a sign-out", longest=_LONGEST_SESSION): checks.whole(end_unix_s, "a sign-out")
            for identity, end_unix_s in found.items()
        }
    except DecodingError as error:
        failures.note("state.record", error, sentence=f"The sign-outs of a member are left out: {error}")
        return {}


def _readable_family(raw: Any, edges: Sequence[tuple[float, ...]]) -> Family | None:
    try:
        return _family(raw, edges)
    except DecodingError as error:
        name = raw[0] if type(raw) is list and raw and type(raw[0]) is str else "unknown"
        failures.note("state.record", error, sentence=f"Metric {name[:100]!a} of a member is left out: {error}")
        return None


def _family(raw: Any, edges: Sequence[tuple[float, ...]]) -> Family:
    name, kind, unit, description, scope, scope_version, additive, points = checks.sequence(raw, "a metric", length=8)
    checks.text(name, "the name")
    checks.one_of(kind, "the kind", _KINDS)
    ours = checks.text(scope, "the scope") == semconv.SCOPE
    if not name or (ours and _OURS.get(name, kind) != kind):
        checks.refuse("the kind differs from that of the metric")
    read = tuple(_read_point(one, kind, edges, ours=ours) for one in checks.sequence(points, "the series"))
    if len({frozenset(point.attributes.items()) for point in read}) != len(read):
        checks.refuse("a series occurs twice")
    return Family(
        name,
        kind,
        checks.text(unit, "the unit"),
        checks.text(description, "the description"),
        scope,
        checks.text(scope_version, "the version"),
        read,
        checks.flag(additive, "additive"),
    )


def _edges(raw: Any) -> tuple[float, ...]:
    edges = tuple(checks.measured(edge, "an edge") for edge in checks.sequence(raw, "edges"))
    rising = all(one < other for one, other in pairwise(edges))
    if len(edges) > _MAX_EDGES or not rising or any(map(math.isnan, edges)):
        checks.refuse("edges do not ascend")
    return edges


def _point(point: Point, edges: dict[tuple[float, ...], int]) -> list[Any]:
    exemplars = [[checks.number(one.value), *one[1:]] for one in point.exemplars]
    if isinstance(point, HistogramPoint):
        index = edges.setdefault(point.edges, len(edges))
        return [point.attributes, index, point.counts, checks.number(point.sum), exemplars]
    return [point.attributes, checks.number(point.value), exemplars]


def _read_point(raw: Any, kind: FamilyKind, edges: Sequence[tuple[float, ...]], *, ours: bool) -> Point:
    attributes, *numbers = checks.sequence(raw, "a series", length=5 if kind == "histogram" else 3)
    labels = checks.texts(attributes, "the attributes")
    exemplars = tuple(map(_exemplar, checks.sequence(numbers.pop(), "the exemplars")))
    if len(exemplars) > _MAX_EXEMPLARS:
        checks.refuse("there are too many exemplars")
    value = _value(numbers.pop(), kind, ours=ours)
    if kind != "histogram":
        return NumberPoint(labels, value, exemplars)
    index, counts = numbers
    if type(index) is not int or not 0 <= index < len(edges):
        checks.refuse("the edges are missing")
    bounds = edges[index]
    read = [checks.whole(count, "a count") for count in checks.sequence(counts, "the counts", length=len(bounds) + 1)]
    return HistogramPoint(labels, bounds, tuple(read), value, exemplars)


def _value(raw: Any, kind: FamilyKind, *, ours: bool) -> float:
    value = checks.measured(raw, "a value")
    if ours and not abs(value) <= checks.MAX_AMOUNT:
        checks.refuse("a value is not finite or too large")
    if kind == "counter" and not value >= 0:
        checks.refuse("a counter is below zero")
    return value


def _exemplar(raw: Any) -> Exemplar:
    value, unix_s, trace_id, span_id = checks.sequence(raw, "an exemplar", length=4)
    checks.identifier(trace_id, "an exemplar's trace", bits=128)
    checks.identifier(span_id, "an exemplar's span", bits=64)
    return Exemplar(
        checks.measured(value, "an exemplar"),
        checks.amount(unix_s, "an exemplar's time", most=checks.MAX_UNIX_S),
        trace_id,
        span_id,
    )
