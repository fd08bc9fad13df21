"""The dashboard Latency and errors: time by turn, operation and model, failures, and the objective."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import expressions as ask, objectives
from hydrochat_otel.stack.boards import LATENCY, MONEY, Board, Row
from hydrochat_otel.stack.look import BY_STATUS, NO_RULES, NOTHING_FAILED, Limits, Link, to_board
from hydrochat_otel.stack.objectives import RESPONSE_TIME_S, SLO_RATIO
from hydrochat_otel.stack.panels import PanelBuilder, Query, bars, heat, lines, tile
from hydrochat_otel.stack.promql import (
    ERROR_TYPE,
    MODEL,
    OPERATION,
    REASON,
    ROLE,
    bucket,
    by,
    count,
    sum_of,
    total,
)
from hydrochat_otel.stack.recordings import SLO_OBJECTIVE, slo_bad
from hydrochat_otel.stack.tables import Column, rows
from hydrochat_otel.stack.variables import INTERVAL, RATE_INTERVAL, chosen, model, operation, processes, turn

_BY_MODEL: Final = f"{{{{{MODEL}}}}}"
_BY_OPERATION: Final = f"{{{{{OPERATION}}}}}"
_BUCKETS: Final = chosen(bucket(semconv.OPERATION_DURATION))
_FAILED: Final = ask.OPERATIONS.where(ERROR_TYPE, "!=", "")
_VIOLATIONS: Final = chosen(total(semconv.OPERATION_VIOLATIONS))


def _turns() -> tuple[PanelBuilder, ...]:
    return (
        heat(
            "Turns",
            f"Turns by how long they took; an edge lies on {RESPONSE_TIME_S:g} s. Click a diamond for a trace.",
            "s",
            by(("le",), f"increase({ask.TURN_BUCKETS}[{RATE_INTERVAL}])"),
        ),
        lines(
            "p95 by operation",
            "95 of 100 are faster. Click a diamond for the trace of one.",
            "s",
            Query(ask.quantile_now(0.95, _BUCKETS, OPERATION), _BY_OPERATION),
            limits=Limits(red=RESPONSE_TIME_S),
            exemplars=True,
        ),
        lines(
            "p95 by model",
            "Calls to Gemini, retries and waits included.",
            "s",
            Query(ask.quantile_now(0.95, ask.CALL_BUCKETS, MODEL), _BY_MODEL),
            exemplars=True,
        ),
    )


def _operations() -> PanelBuilder:
    names = (OPERATION, ROLE)
    every, seconds = ask.grown(ask.OPERATIONS, *names), ask.grown(chosen(sum_of(semconv.OPERATION_DURATION)), *names)
    return rows(
        "Operations",
        "In the shown range; a root is what a caller waits for, a step runs inside another operation.",
        {
            "p95": Column("s", ask.quantile_of_range(0.95, _BUCKETS, *names)),
            "p50": Column("s", ask.quantile_of_range(0.5, _BUCKETS, *names)),
            "p99": Column("s", ask.quantile_of_range(0.99, _BUCKETS, *names)),
            "Average": Column("s", f"{seconds} / ({every} > 0)"),
            "Count": Column("short", every, total=True),
            "Failed": Column(
                "percentunit",
                ask.share_of(_FAILED, ask.OPERATIONS, *names),
                limits=Limits(amber=0.02, red=objectives.ERROR_RATIO),
                decimals=1,
            ),
            "Over threshold": Column(
                "percentunit",
                ask.share_of(_VIOLATIONS, ask.OPERATIONS, *names),
                limits=Limits(amber=0.05, red=objectives.VIOLATION_RATIO),
                decimals=1,
            ),
        },
        labels={OPERATION: "Operation", ROLE: "Role"},
        links={"Operation": Link("Money of this operation", to_board(MONEY, operation="${__data.fields.Operation}"))},
        height=10,
    )


def _streams() -> tuple[PanelBuilder, ...]:
    output = ask.rate(ask.OUTPUT_TOKENS, MODEL)
    seconds = ask.rate(chosen(sum_of(semconv.LLM_CALL_DURATION)), MODEL)
    wait = chosen(bucket(semconv.LLM_RETRY_WAIT))
    return (
        lines(
            "First answer token",
            "From the start of a stream to the first token that is no thought, p95 by model.",
            "s",
            Query(ask.quantile_now(0.95, ask.FIRST_TOKEN_BUCKETS, MODEL), _BY_MODEL),
            width=8,
            empty="no streams",
        ),
        lines(
            "Output tokens a second",
            "Of the time that calls take, by model.",
            "none",
            Query(f"{output} / ({seconds} > 0)", _BY_MODEL),
            width=8,
        ),
        lines(
            "Wait before a retry",
            "p95 of the time between a failed request and the next one, by model.",
            "s",
            Query(ask.quantile_now(0.95, wait, MODEL), _BY_MODEL),
            width=8,
            empty="nothing was repeated",
        ),
    )


def _failures() -> tuple[PanelBuilder, ...]:
    failed_calls = chosen(count(semconv.LLM_CALL_DURATION)).where(ERROR_TYPE, "!=", "")
    return (
        bars(
            "Failed operations",
            "By operation and class of the exception.",
            "short",
            Query(
                f"{ask.grown(_FAILED, OPERATION, ERROR_TYPE, window=INTERVAL)} > 0",
                f"{_BY_OPERATION}: {{{{{ERROR_TYPE}}}}}",
            ),
            empty=NOTHING_FAILED,
        ),
        bars(
            "Failed calls to Gemini",
            "By model and status or class of the exception, after all retries.",
            "short",
            Query(
                f"{ask.grown(failed_calls, MODEL, ERROR_TYPE, window=INTERVAL)} > 0",
                f"{_BY_MODEL}: {{{{{ERROR_TYPE}}}}}",
            ),
            empty=NOTHING_FAILED,
        ),
        bars(
            "Over their threshold",
            "Operations that took longer than the threshold they state.",
            "short",
            Query(f"{ask.grown(_VIOLATIONS, OPERATION, window=INTERVAL)} > 0", _BY_OPERATION),
            empty="nothing was too slow",
        ),
        lines(
            "Requests by status class",
            "HTTP requests a minute that the SDK sent.",
            "short",
            Query(ask.per_minute(ask.ATTEMPTS, REASON), f"{{{{{REASON}}}}}"),
            stacked=True,
            by_name=BY_STATUS,
        ),
    )


def _objective() -> tuple[PanelBuilder, ...]:
    allowed = f"(1 - scalar({SLO_OBJECTIVE}))"
    burn = tuple(Query(f"{_recorded(slo_bad(one))} / {allowed}", f"{{{{job}}}} {one}") for one in ("1h", "6h", "3d"))
    return (
        lines(
            "Error budget burn",
            f"1 uses the budget up in exactly 30 days; {objectives.FAST_BURN:g} over 1 h and {objectives.SLOW_BURN:g} "
            "over 6 h page.",
            "none",
            *burn,
            limits=Limits(amber=objectives.SLOW_BURN, red=objectives.FAST_BURN),
            empty=NO_RULES,
        ),
        tile(
            "Budget left",
            f"{1 - SLO_RATIO:.0%} of turns may fail or exceed their threshold in 30 days; this much of that is left.",
            "percentunit",
            f"clamp_min(1 - {_recorded(slo_bad('30d'))} / {allowed}, 0)",
            limits=Limits(amber=0.05, red=0.25, good_above=True),
            trend=False,
            decimals=0,
            empty=NO_RULES,
            height=8,
        ),
        tile(
            "Good turns, 30 days",
            f"Share of turns without an error and within their threshold; the objective is {SLO_RATIO:.0%}.",
            "percentunit",
            f"1 - {_recorded(slo_bad('30d'))}",
            limits=Limits(amber=SLO_RATIO * 0.98, red=SLO_RATIO, good_above=True),
            trend=False,
            decimals=1,
            empty=NO_RULES,
            height=8,
        ),
    )


def _recorded(record: str) -> str:
    return f'{record}{{job=~"$job"}}'


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid=LATENCY,
        title="HydroChat / Latency and errors",
        description="Where time goes, what fails, and whether the objective holds.",
        rows=(
            Row("", (*_turns(), _operations(), *_streams())),
            Row("What fails", _failures()),
            Row("Objective: good turns", _objective()),
        ),
        variables=(*processes(), turn(), model(), operation()),
    )
