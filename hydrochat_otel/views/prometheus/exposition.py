"""Writes the lines of a scrape directly from the snapshot's points: an object per line would cost ten times more."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from itertools import accumulate
from math import inf, isnan
from typing import Final

from prometheus_client.utils import floatToGoString

from hydrochat_otel.runtime import failures, interruptions
from hydrochat_otel.views.prometheus.families import SUFFIXES, PrometheusFamily, joined
from hydrochat_otel.views.prometheus.naming import escaped
from hydrochat_otel.views.prometheus.negotiation import Format
from hydrochat_otel.window.snapshot import Exemplar, Family, HistogramPoint, Metrics, NumberPoint, Point, Snapshot

_EXEMPLAR_LIMIT: Final = 128
"""Most characters in the labels of an exemplar, names and values together (OpenMetrics 1.0)."""

_AT_ONCE: Final = 8
"""Series that are encoded together: a longer text would be mapped from the system and given back each time."""
_KEPT_SERIES: Final = 256
"""The most series of a metric whose lines are kept: half a megabyte of a histogram's."""
_START: Final = "\x00"
"""Stands for the name and the labels of a series in the lines of its buckets; neither edge nor number contains it."""

_number: Final[Callable[[float], str]] = floatToGoString


def render(snapshot: Snapshot | Metrics, exposition: Format) -> bytes:
    """Return the snapshot as the body of a scrape, UTF-8; exemplars under OpenMetrics only.

    Milliseconds, on any thread. A series that conflicts with an earlier one or that cannot be written is left out and
    counted; all other series are served.
    """
    openmetrics = exposition is Format.OPENMETRICS
    body = BytesIO()
    for family, metrics in joined(snapshot):
        body.writelines(_text(family, metrics, openmetrics=openmetrics))
    if openmetrics:
        body.write(b"# EOF\n")
    return body.getvalue()


def _text(family: PrometheusFamily, metrics: tuple[Family, ...], *, openmetrics: bool) -> Iterable[bytes]:
    """Return the lines of a family; those of one metric with few series are kept until it changes.

    They are kept when they are written again: a metric that changes all the time costs no memory for them.
    """
    if len(metrics) > 1 or (metrics and len(metrics[0].points) > _KEPT_SERIES):
        return _written(family, metrics, openmetrics=openmetrics)
    text = family.texts.get(openmetrics)
    if text is not None:
        return (text,)
    if openmetrics not in family.texts:
        family.texts[openmetrics] = None
        return _written(family, metrics, openmetrics=openmetrics)
    failed = failures.counts()
    text = b"".join(_written(family, metrics, openmetrics=openmetrics))
    if failed == failures.counts():  # what is left out is counted each time
        family.texts[openmetrics] = text
    return (text,)


def _written(family: PrometheusFamily, metrics: Iterable[Family], *, openmetrics: bool) -> Iterable[bytes]:
    try:
        points = family.points(metrics)
        head = [*_head(family, openmetrics=openmetrics)]
        lines = _lines(family, points, openmetrics=openmetrics)
    except Exception as error:
        failures.note("prometheus.family", error)
        return ()
    return _encoded(head + lines) if lines else ()


def _encoded(lines: list[str]) -> Iterator[bytes]:
    """Yield the lines in UTF-8, some at a time: copies of the whole body would cost as much as writing the lines."""
    for first in range(0, len(lines), _AT_ONCE):
        # A lone surrogate has no UTF-8 form: it becomes a question mark.
        yield "".join(lines[first : first + _AT_ONCE]).encode("utf-8", "replace")


def _lines(family: PrometheusFamily, points: Mapping[str, Point], *, openmetrics: bool) -> list[str]:
    """Return the lines of all series; if one cannot be written, each series is written separately."""
    write = _histogram_lines if family.kind == "histogram" else _number_lines
    try:
        return write(family, points, openmetrics=openmetrics)
    except Exception as error:
        interruptions.pass_on(error)
        lines: list[str] = []
    for labels, point in points.items():
        try:
            lines += write(family, {labels: point}, openmetrics=openmetrics)
        except Exception as error:
            failures.note("prometheus.series", error)
    return lines


def _head(family: PrometheusFamily, *, openmetrics: bool) -> Iterator[str]:
    name: str = family.name
    kind: str = family.kind
    if openmetrics:
        description = escaped(family.description)
    else:
        description = family.description.replace("\\", "\\\\").replace("\n", "\\n")
        if kind != "histogram":
            name += SUFFIXES[family.kind][0]
        if kind == "info":
            kind = "gauge"
    if description:
        yield f"# HELP {name} {description}\n"
    yield f"# TYPE {name} {kind}\n"
    if openmetrics and family.unit:
        yield f"# UNIT {name} {family.unit}\n"


def _number_lines(family: PrometheusFamily, points: Mapping[str, Point], *, openmetrics: bool) -> list[str]:
    name = family.name + SUFFIXES[family.kind][0]
    with_exemplars = openmetrics and family.kind == "counter"
    lines: list[str] = []
    for labels, point in points.items():
        assert isinstance(point, NumberPoint)
        braced = f"{{{labels}}}" if labels else ""
        exemplar = ""
        if with_exemplars and point.exemplars:
            exemplar = _exemplar(max(point.exemplars, key=lambda one: one.unix_s))
        lines.append(f"{name}{braced} {_number(point.value)}{exemplar}\n")
    return lines


def _histogram_lines(family: PrometheusFamily, points: Mapping[str, Point], *, openmetrics: bool) -> list[str]:
    name = family.name
    lines: list[str] = []
    edges_before: tuple[float, ...] | None = None
    buckets = ""
    for labels, point in points.items():
        assert isinstance(point, HistogramPoint)
        edges, counts = point.edges, tuple(accumulate(point.counts))
        if edges and edges[-1] == inf:
            edges, counts = edges[:-1], (*counts[:-2], counts[-1])
        start = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
        if openmetrics and point.exemplars:
            ends, tails = _bucket_ends(edges), _exemplars(edges, point.exemplars)
            lines += [f"{start}{end}{n}{tail}\n" for end, n, tail in zip(ends, counts, tails, strict=True)]
        else:
            if edges != edges_before:  # most families have the same edges in all series
                edges_before, buckets = edges, _buckets(edges)
            lines.append((buckets % counts).replace(_START, start))
        # With an edge below zero the sum can fall: OpenMetrics then forbids the sum, and the count with it.
        if not edges or edges[0] >= 0:
            braced = f"{{{labels}}}" if labels else ""
            lines.append(f"{name}_count{braced} {counts[-1]}\n{name}_sum{braced} {_number(point.sum)}\n")
    return lines


@lru_cache(maxsize=256)
def _bucket_ends(edges: tuple[float, ...]) -> tuple[str, ...]:
    """Return, for each bucket, its last label up to the number; the bucket above all edges is the last."""
    return tuple(f'le="{_number(edge)}"}} ' for edge in (*edges, inf))


@lru_cache(maxsize=256)
def _buckets(edges: tuple[float, ...]) -> str:
    """Return the lines of all buckets, with marks for their beginnings and for their numbers.

    Filling in the numbers and then the beginning, which all have in common, takes half the time of writing each line.
    """
    return "".join([f"{_START}{end}%s\n" for end in _bucket_ends(edges)])


def _exemplars(edges: tuple[float, ...], exemplars: tuple[Exemplar, ...]) -> list[str]:
    """Return the text after each bucket's number: the exemplar with the largest value, as the specification demands."""
    tails = [""] * (len(edges) + 1)
    for exemplar in sorted(exemplars):
        if tail := _exemplar(exemplar):
            tails[bisect_left(edges, exemplar.value)] = tail
    return tails


def _exemplar(exemplar: Exemplar) -> str:
    value, unix_s, trace_id, span_id = exemplar
    if len("trace_idspan_id") + len(trace_id) + len(span_id) > _EXEMPLAR_LIMIT or isnan(value):
        return ""
    ids = f'trace_id="{escaped(trace_id)}",span_id="{escaped(span_id)}"'
    return f" # {{{ids}}} {_number(value)} {unix_s:.3f}"
