"""Dashboard 1, the service at a glance: is it used, is it well, what does it cost."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import objectives
from hydrochat_otel.stack.boards import Board, Row
from hydrochat_otel.stack.objectives import RESPONSE_TIME_S, SLO_RATIO
from hydrochat_otel.stack.panels import Limits, PanelBuilder, Query, lines, number, rows
from hydrochat_otel.stack.promql import (
    BUCKET,
    ERROR_TYPE,
    MODEL,
    OPERATION,
    OUTCOME,
    PERIOD,
    by,
    count,
    grew,
    or_zero,
    quantile,
    ratio,
    total,
)
from hydrochat_otel.stack.recordings import SLO_OBJECTIVE, SPENT_RATIO, slo_bad
from hydrochat_otel.stack.variables import RANGE, RATE_INTERVAL, chosen, variables

_ALERTS: Final = 'ALERTS{alertname=~"Hydrochat.+",alertstate="firing",job=~"$job|"}'
_OPERATIONS: Final = chosen(count(semconv.OPERATION_DURATION))
_FAILED: Final = _OPERATIONS.where(ERROR_TYPE, "!=", "")
_VIOLATIONS: Final = chosen(total(semconv.OPERATION_VIOLATIONS))
_CALLS: Final = chosen(total(semconv.LLM_CALLS))
_COST: Final = chosen(total(semconv.LLM_COST))
_TOKENS: Final = chosen(total(semconv.LLM_TOKENS))
_SCOPE: Final = {"job": "$job", "instance": "$instance", OPERATION: "$operation"}


def _of_job(record: str) -> str:
    return f'{record}{{job=~"$job"}}'


def _now() -> tuple[PanelBuilder, ...]:
    grown = by((), grew(_OPERATIONS, RANGE))
    limit = Limits(red=RESPONSE_TIME_S, amber=RESPONSE_TIME_S * 0.75)
    return (
        number("Operations", "Tracked operations in the shown range.", "short", grown),
        number(
            "Failed operations",
            "Share of operations that raised an error.",
            "percentunit",
            ratio(by((), grew(_FAILED, RANGE)), grown),
            limits=Limits(amber=0.05, red=objectives.ERROR_RATIO),
        ),
        number(
            "p95",
            f"95 of 100 operations are faster; the contract's threshold is {RESPONSE_TIME_S:g} s.",
            "s",
            quantile(0.95, semconv.OPERATION_DURATION, RANGE, (), **_SCOPE),
            limits=limit,
        ),
        number(
            "Over their threshold",
            "Share of operations that took longer than the threshold they state.",
            "percentunit",
            ratio(by((), grew(_VIOLATIONS, RANGE)), grown),
            limits=Limits(amber=0.05, red=objectives.VIOLATION_RATIO),
        ),
        number("Cost", "Dollars for Gemini in the shown range.", "currencyUSD", by((), grew(_COST, RANGE))),
        number(
            "Firing alerts",
            "Alerts of these rules that fire now.",
            "short",
            f"{by((), _ALERTS, 'count')} or vector(0)",
            limits=Limits(red=1),
        ),
    )


def _over_time() -> tuple[PanelBuilder, ...]:
    rate = by((OPERATION,), f"rate({_OPERATIONS}[{RATE_INTERVAL}])")
    failed = by((OPERATION,), f"rate({_FAILED}[{RATE_INTERVAL}])")
    every_call = by((), f"rate({_CALLS}[{RATE_INTERVAL}])")
    failed_calls = by((), f"rate({_CALLS.where(OUTCOME, '=', 'error')}[{RATE_INTERVAL}])")
    violations = by((OPERATION,), f"rate({_VIOLATIONS}[{RATE_INTERVAL}])")
    p95 = quantile(0.95, semconv.OPERATION_DURATION, RATE_INTERVAL, (OPERATION,), **_SCOPE)
    return (
        lines("Throughput", "Operations a second.", "ops", Query(rate, f"{{{{{OPERATION}}}}}"), stacked=True),
        lines(
            "Error ratio",
            f"Share that fails, of operations and of calls to Gemini; above {objectives.ERROR_RATIO:.0%} alerts.",
            "percentunit",
            Query(ratio(by((), failed), by((), rate)), "operations"),
            Query(ratio(failed_calls, every_call), "calls to Gemini"),
            limits=Limits(red=objectives.ERROR_RATIO),
        ),
        lines(
            f"p95 against {RESPONSE_TIME_S:g} s",
            "95 of 100 operations are faster. Click a diamond to see the trace of one.",
            "s",
            Query(p95, f"{{{{{OPERATION}}}}}"),
            limits=Limits(red=RESPONSE_TIME_S),
            exemplars=True,
        ),
        lines(
            "Over their threshold",
            "Operations a second that took longer than the threshold they state.",
            "ops",
            Query(or_zero(violations, rate), f"{{{{{OPERATION}}}}}"),
            stacked=True,
        ),
    )


def _objective() -> tuple[PanelBuilder, ...]:
    allowed = f"(1 - scalar({SLO_OBJECTIVE}))"
    burn = tuple(Query(f"{_of_job(slo_bad(one))} / {allowed}", f"{{{{job}}}} {one}") for one in ("1h", "6h", "3d"))
    left = f"1 - {_of_job(slo_bad('30d'))} / {allowed}"
    return (
        lines(
            "Error budget burn",
            f"1 uses the budget up in exactly 30 days. {objectives.FAST_BURN:g} over 1 h and {objectives.SLOW_BURN:g} "
            "over 6 h wake somebody.",
            "short",
            *burn,
            limits=Limits(amber=objectives.SLOW_BURN, red=objectives.FAST_BURN),
            width=12,
        ),
        number(
            "Budget left",
            f"{1 - SLO_RATIO:.0%} of operations may fail or take longer than {RESPONSE_TIME_S:g} s in 30 days; so much "
            "of that is left.",
            "percentunit",
            left,
            limits=Limits(amber=0.0, red=0.25, good_above=True),
            width=6,
        ),
        number(
            "Good operations, 30 days",
            f"Share without an error and within {RESPONSE_TIME_S:g} s; the objective is {SLO_RATIO:.0%}.",
            "percentunit",
            f"1 - {_of_job(slo_bad('30d'))}",
            limits=Limits(amber=SLO_RATIO * 0.98, red=SLO_RATIO, good_above=True),
            width=6,
        ),
    )


def _money() -> tuple[PanelBuilder, ...]:
    return (
        lines(
            "Cost per hour",
            "Dollars an hour at the rate of each moment, by model.",
            "currencyUSD",
            Query(f"3600 * {by((MODEL,), f'rate({_COST}[{RATE_INTERVAL}])')}", f"{{{{{MODEL}}}}}"),
            stacked=True,
            width=8,
        ),
        lines(
            "Spent of the budget",
            "Of the dollars for this day and this month (HYDROCHAT_BUDGET_USD), since midnight and since the first.",
            "percentunit",
            Query(_of_job(SPENT_RATIO), f"{{{{job}}}} {{{{{PERIOD}}}}}"),
            limits=Limits(amber=objectives.BUDGET_RATIOS[1], red=objectives.BUDGET_RATIOS[2]),
            width=8,
        ),
        lines(
            "Tokens",
            "Tokens a second in five disjoint buckets.",
            "short",
            Query(by((BUCKET,), f"rate({_TOKENS}[{RATE_INTERVAL}])"), f"{{{{{BUCKET}}}}}"),
            stacked=True,
            width=8,
        ),
    )


def _alerts() -> PanelBuilder:
    return rows(
        "Alerts",
        "What fires now. Prometheus shows the runbook with each.",
        {"Firing": ("short", f"{by(('alertname', 'severity', 'job'), _ALERTS, 'count')}")},
        labels={"alertname": "Alert", "severity": "Severity", "job": "Job"},
    )


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid="hydrochat-service",
        title="HydroChat / Service",
        description="Is it used, is it well, what does it cost.",
        rows=(
            Row("Now", _now()),
            Row("Over time", _over_time()),
            Row("Objective", _objective()),
            Row("Money and tokens", _money()),
            Row("Alerts", (_alerts(),)),
        ),
        variables=tuple(variables()),
    )
