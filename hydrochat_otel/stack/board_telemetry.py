"""Dashboard 4, the telemetry's own health: what it keeps, drops and fails at, and what it costs Prometheus."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import objectives
from hydrochat_otel.stack.boards import Board, Row
from hydrochat_otel.stack.panels import Limits, PanelBuilder, Query, lines, number, rows
from hydrochat_otel.stack.promql import (
    INSTANCE,
    JOB,
    LIBRARY,
    LIBRARY_VERSION,
    REASON,
    SEAM,
    by,
    gauge,
    grew,
    total,
)
from hydrochat_otel.stack.variables import RANGE, RATE_INTERVAL, chosen, variables

_ENTRIES: Final = chosen(gauge(semconv.RETENTION_ENTRIES))
_FILLING: Final = chosen(gauge(semconv.RETENTION_UTILIZATION))
_EVICTED: Final = chosen(total(semconv.RETENTION_EVICTED))
_ERRORS: Final = chosen(total(semconv.TELEMETRY_ERRORS))
_ACTIVE: Final = chosen(gauge(semconv.INSTRUMENTATION_ACTIVE))
_AGE: Final = chosen(gauge(semconv.PRICE_BOOK_AGE))
_WORKERS: Final = chosen(gauge(semconv.STATE_WORKERS))
_PROCESS: Final = f"{{{{{INSTANCE}}}}}"
_OURS: Final = '{__name__=~"hydrochat_.+|gen_ai_.+",job=~"$job",instance=~"$instance"}'
_DROPPED: Final = "queue.+|label.+|retention.*"
"""Seams at which a measurement, a label value or an entry was lost."""


def _process(expression: object, aggregation: str = "sum") -> str:
    return by((INSTANCE,), str(expression), aggregation)


def _now() -> tuple[PanelBuilder, ...]:
    none = f"0 * {by((), str(_ENTRIES))}"
    lost = _ERRORS.where(SEAM, "=~", _DROPPED)
    return (
        number(
            "Instrumented",
            "Whether every process sees its calls to Gemini: 1 is yes.",
            "bool_yes_no",
            by((), str(_ACTIVE), "min"),
            limits=Limits(amber=1, red=1, good_above=True),
        ),
        number(
            "Retained window",
            "How full the fullest process's window is; from 80 % it warns.",
            "percentunit",
            by((), str(_FILLING), "max"),
            limits=Limits(amber=objectives.RETENTION_RATIO, red=1),
        ),
        number(
            "Telemetry errors",
            "Failures inside the telemetry in the shown range; the application went on.",
            "short",
            f"{by((), grew(_ERRORS, RANGE))} or {none}",
            limits=Limits(amber=1),
        ),
        number(
            "Dropped",
            "Measurements, label values and entries that were lost in the shown range, among the errors.",
            "short",
            f"{by((), grew(lost, RANGE))} or {none}",
            limits=Limits(amber=1),
        ),
        number("Series", "Series of ours that Prometheus keeps now.", "short", by((), _OURS, "count")),
        number(
            "Price book",
            f"Age of the oldest price book; after {objectives.PRICE_BOOK_AGE_DAYS} days it alerts.",
            "s",
            by((), str(_AGE), "max"),
            limits=Limits(amber=objectives.PRICE_BOOK_AGE_DAYS * 86400.0),
        ),
    )


def _retention() -> tuple[PanelBuilder, ...]:
    evicted = by((INSTANCE, REASON), f"rate({_EVICTED}[{RATE_INTERVAL}])")
    return (
        lines(
            "Filling",
            "Kept entries by the most that may be kept.",
            "percentunit",
            Query(_process(_FILLING, "max"), _PROCESS),
            limits=Limits(red=objectives.RETENTION_RATIO),
            width=8,
        ),
        lines("Entries", "Entries kept.", "short", Query(_process(_ENTRIES), _PROCESS), width=8),
        lines(
            "Evictions",
            "Entries a second that left: by age as they should, by capacity before their time.",
            "short",
            Query(f"{evicted} or 0 * {_process(_ENTRIES)}", f"{_PROCESS} {{{{{REASON}}}}}"),
            width=8,
        ),
    )


def _failures() -> tuple[PanelBuilder, ...]:
    errors = by((SEAM,), f"rate({_ERRORS}[{RATE_INTERVAL}])")
    return (
        lines(
            "Errors by seam",
            "Failures a second inside the telemetry, by where; zero where none.",
            "short",
            Query(f"{errors} or 0 * {by((), str(_ENTRIES))}", f"{{{{{SEAM}}}}}"),
            stacked=True,
        ),
        rows(
            "Instrumented libraries",
            "1 while the library is instrumented, 0 when it was refused or undone.",
            {"Active": ("short", by((JOB, INSTANCE, LIBRARY, LIBRARY_VERSION), str(_ACTIVE), "min"))},
            labels={JOB: "Job", INSTANCE: "Instance", LIBRARY: "Library", LIBRARY_VERSION: "Version"},
            width=12,
        ),
    )


def _scrapes() -> tuple[PanelBuilder, ...]:
    scope = '{job=~"$job",instance=~"$instance"}'
    return (
        lines(
            "Series by process",
            "Series of ours that each process has. A line that climbs is a label that should not be one.",
            "short",
            Query(by((JOB, INSTANCE), _OURS, "count"), f"{{{{job}}}} {_PROCESS}"),
            width=6,
        ),
        lines(
            "Workers",
            "Processes that share their numbers and reported lately, as each scraped process sees them.",
            "short",
            Query(by((JOB, INSTANCE), str(_WORKERS), "max"), f"{{{{job}}}} {_PROCESS}"),
            width=6,
        ),
        lines(
            "Scrape duration",
            "How long Prometheus takes to read the metrics.",
            "s",
            Query(f"scrape_duration_seconds{scope}", f"{{{{job}}}} {_PROCESS}"),
            width=6,
        ),
        lines(
            "Price book age",
            "Costs are as good as the prices.",
            "s",
            Query(_process(_AGE, "max"), _PROCESS),
            limits=Limits(red=objectives.PRICE_BOOK_AGE_DAYS * 86400.0),
            width=6,
        ),
    )


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid="hydrochat-telemetry",
        title="HydroChat / Telemetry",
        description="The telemetry's own health.",
        rows=(
            Row("Now", _now()),
            Row("Retained window", _retention()),
            Row("Failures", _failures()),
            Row("Prometheus and prices", _scrapes()),
        ),
        variables=tuple(variables()),
    )
