"""The dashboard on the telemetry's own health: whether every process measures, losses, and the cost for Prometheus."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import expressions as ask, objectives
from hydrochat_otel.stack.boards import TELEMETRY, Board, Row
from hydrochat_otel.stack.look import Limits, Link
from hydrochat_otel.stack.panels import PanelBuilder, Query, bars, lines, mishaps, tile
from hydrochat_otel.stack.promql import INSTANCE, JOB, LABEL, SEAM, VERSION, by, gauge, total
from hydrochat_otel.stack.tables import Column, rows
from hydrochat_otel.stack.variables import INTERVAL, of_job, processes

_ENTRIES: Final = of_job(gauge(semconv.RETENTION_ENTRIES))
_ERRORS: Final = of_job(total(semconv.TELEMETRY_ERRORS))
_REFUSALS: Final = of_job(total(semconv.LABEL_REFUSALS))
_ACTIVE: Final = of_job(gauge(semconv.INSTRUMENTATION_ACTIVE))
_AGE: Final = of_job(gauge(semconv.PRICE_BOOK_AGE))
_COVERED: Final = of_job(gauge(semconv.RETENTION_COVERED))
_OURS: Final = '{__name__=~"hydrochat_.+|gen_ai_.+",job=~"$job",instance=~"$instance",instance!=""}'
"""Every series that a process exposes: those of recording rules have no instance."""
_PROCESS: Final = f"{{{{{INSTANCE}}}}}"


def _tiles() -> tuple[PanelBuilder, ...]:
    return (
        tile(
            "Instrumented",
            "Whether every process that uses google-genai sees its calls.",
            "bool_yes_no",
            by((), str(_ACTIVE), "min"),
            limits=Limits(amber=1, red=1, good_above=True),
            trend=False,
            empty="google-genai is not used",
        ),
        mishaps(
            "Telemetry errors",
            "Failures inside the telemetry in the shown range; the application went on.",
            ask.grown(_ERRORS),
            limits=Limits(amber=1),
            empty="nothing failed",
        ),
        tile(
            "Price book",
            f"Age of the oldest price book; after {objectives.PRICE_BOOK_AGE_DAYS} days an alert fires.",
            "s",
            by((), str(_AGE), "max"),
            limits=Limits(amber=objectives.PRICE_BOOK_AGE_DAYS * 86400.0),
            trend=False,
            decimals=0,
        ),
        tile("Series", "Series of ours that Prometheus keeps now.", "short", by((), _OURS, "count"), running=True),
    )


def _charts() -> tuple[PanelBuilder, ...]:
    return (
        bars(
            "Errors by component",
            "Failures inside the telemetry, by the component that failed.",
            "short",
            Query(f"{ask.grown(_ERRORS, SEAM, window=INTERVAL)} > 0", f"{{{{{SEAM}}}}}"),
            empty="nothing failed",
        ),
        bars(
            "Names that are counted as other",
            "Label values outside of their closed set, by label.",
            "short",
            Query(f"{ask.grown(_REFUSALS, LABEL, window=INTERVAL)} > 0", f"{{{{{LABEL}}}}}"),
            empty="no name was refused",
        ),
        lines(
            "Window covers",
            "How far back the newest retained entries reach.",
            "s",
            Query(by((INSTANCE,), str(_COVERED), "max"), _PROCESS),
            width=8,
        ),
        lines(
            "Series by process",
            "A line that climbs is a label that should not be one.",
            "short",
            Query(by((INSTANCE,), _OURS, "count"), _PROCESS),
            width=8,
        ),
        lines(
            "Scrape duration",
            "How long Prometheus takes to read the metrics.",
            "s",
            Query(by((INSTANCE,), 'scrape_duration_seconds{job=~"$job",instance=~"$instance"}', "max"), _PROCESS),
            width=8,
        ),
    )


def _processes() -> PanelBuilder:
    names = (JOB, INSTANCE)
    return rows(
        "Processes",
        "One row for each scraped process; a click on it opens its own page.",
        {
            "Entries": Column("short", by(names, str(_ENTRIES), "max")),
            "Workers": Column("short", by(names, str(of_job(gauge(semconv.STATE_WORKERS))), "max")),
            "Window covers": Column("s", by(names, str(_COVERED), "max"), empty="-"),
            "Instrumented": Column("bool_yes_no", by(names, str(_ACTIVE), "min"), empty="not used"),
            "Series": Column("short", by(names, _OURS, "count")),
            "Up for": Column("s", f"time() - {by(names, str(of_job(gauge(semconv.PROCESS_START))), 'max')}"),
        },
        labels={JOB: "Job", INSTANCE: "Process"},
        links={"Process": Link("Its own page", "http://${__data.fields.Process}/")},
    )


def _versions() -> PanelBuilder:
    return rows(
        "Versions",
        "Installed versions of this package, by process.",
        {"Processes": Column("short", by((JOB, VERSION), str(of_job(gauge(semconv.BUILD_INFO))), "count"))},
        labels={JOB: "Job", VERSION: "Version"},
        height=5,
    )


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid=TELEMETRY,
        title="HydroChat / Telemetry",
        description="The telemetry's own health.",
        rows=(Row("", (*_tiles(), *_charts(), _processes(), _versions())),),
        variables=processes(),
    )
