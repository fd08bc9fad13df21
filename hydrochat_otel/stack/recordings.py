"""Recording rules: expressions that several panels and alerts use, or that are expensive to compute over days."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack.objectives import SLO_RATIO, SLO_WINDOWS
from hydrochat_otel.stack.promql import (
    BOUND,
    JOB,
    MODEL,
    OPERATION,
    OUTCOME,
    PERIOD,
    ROLE,
    Series,
    by,
    count,
    gauge,
    grew,
    ratio,
    total,
)
from hydrochat_otel.stack.rule_files import Group, Recording
from hydrochat_otel.stack.variables import ROOT_ROLE

CALLS_10M: Final = "job_model_outcome:hydrochat_llm_calls:grew10m"
ERROR_RATIO_10M: Final = "job_model:hydrochat_llm_errors:ratio10m"
RETRIES_10M: Final = "job_model:hydrochat_llm_retries:grew10m"
ATTEMPTS_10M: Final = "job_model:hydrochat_llm_attempts:grew10m"
CALLS_1H: Final = "job_model:hydrochat_llm_calls:grew1h"
UNRECONCILED_1H: Final = "job_model:hydrochat_llm_unreconciled_calls:grew1h"
COST_1H: Final = "job:hydrochat_llm_cost:grew1h"
OPERATIONS_10M: Final = "job_operation:hydrochat_operations:grew10m"
VIOLATION_RATIO_10M: Final = "job_operation:hydrochat_operation_violations:ratio10m"
SPEND: Final = "job_period:hydrochat_llm_spend:max"
BUDGET: Final = "job_period:hydrochat_llm_budget:max"
SPENT_RATIO: Final = "job_period:hydrochat_llm_spend_of_budget:ratio"
FORECAST_RATIO: Final = "job:hydrochat_llm_forecast_of_budget:ratio"
SLO_OBJECTIVE: Final = "hydrochat_slo:objective_ratio"

BY_MODEL: Final = (JOB, MODEL)
BY_OPERATION: Final = (JOB, OPERATION)
BY_PERIOD: Final = (JOB, PERIOD)


def slo_bad(window: str) -> str:
    """Return the recorded name of the share of bad root operations in a window."""
    return f"job:hydrochat_slo_bad:ratio{window}"


def slo_operations(window: str) -> str:
    """Return the recorded name of the number of root operations in a window."""
    return f"job:hydrochat_slo_operations:grew{window}"


def roots(series: Series) -> Series:
    """Return the root operations of a series: those that a caller waits for."""
    return series.where(ROLE, "=", ROOT_ROLE)


def _slo(window: str) -> tuple[Recording, Recording]:
    """Return the number of root operations, and the share that failed or exceeded their own threshold."""
    bad, every = roots(total(semconv.OPERATION_BAD)), roots(count(semconv.OPERATION_DURATION))
    return (
        Recording(slo_operations(window), by((JOB,), grew(every, window))),
        Recording(slo_bad(window), ratio(by((JOB,), grew(bad, window)), by((JOB,), grew(every, window)))),
    )


def groups() -> tuple[Group, ...]:
    """Return the groups, each in the order in which its rules depend on each other."""
    calls = total(semconv.LLM_CALLS)
    operations = count(semconv.OPERATION_DURATION)
    violations = total(semconv.OPERATION_VIOLATIONS)
    errors = f'{CALLS_10M}{{{OUTCOME}="error"}}'
    expected = gauge(semconv.LLM_FORECAST).where(BOUND, "=", "expected")
    month_budget = by((JOB,), f'{BUDGET}{{{PERIOD}="month"}}', "max")
    return (
        Group(
            "hydrochat-calls",
            "30s",
            (
                Recording(CALLS_10M, by((*BY_MODEL, OUTCOME), grew(calls, "10m"))),
                Recording(ERROR_RATIO_10M, ratio(by(BY_MODEL, errors), by(BY_MODEL, CALLS_10M))),
                Recording(RETRIES_10M, by(BY_MODEL, grew(total(semconv.LLM_RETRIES), "10m"))),
                Recording(ATTEMPTS_10M, by(BY_MODEL, grew(total(semconv.LLM_ATTEMPTS), "10m"))),
                Recording(CALLS_1H, by(BY_MODEL, grew(calls, "1h"))),
                Recording(UNRECONCILED_1H, by(BY_MODEL, grew(total(semconv.LLM_UNRECONCILED_CALLS), "1h"))),
                Recording(COST_1H, by((JOB,), grew(total(semconv.LLM_COST), "1h"))),
            ),
        ),
        Group(
            "hydrochat-operations",
            "30s",
            (
                Recording(OPERATIONS_10M, by(BY_OPERATION, grew(operations, "10m"))),
                Recording(VIOLATION_RATIO_10M, ratio(by(BY_OPERATION, grew(violations, "10m")), OPERATIONS_10M)),
            ),
        ),
        Group(
            "hydrochat-budget",
            "30s",
            (
                # Never a sum: every process of a fleet shows what all of them have spent.
                Recording(SPEND, by(BY_PERIOD, str(gauge(semconv.LLM_SPEND)), "max")),
                Recording(BUDGET, by(BY_PERIOD, str(gauge(semconv.LLM_BUDGET)), "max")),
                Recording(SPENT_RATIO, f"{SPEND} / {BUDGET}"),
                Recording(
                    FORECAST_RATIO,
                    f"{by((JOB,), str(expected), 'max')} / ({month_budget} > 0)",
                ),
            ),
        ),
        Group(
            "hydrochat-slo",
            "1m",
            (
                Recording(SLO_OBJECTIVE, f"vector({SLO_RATIO:g})"),
                *(rule for window in SLO_WINDOWS for rule in _slo(window)),
            ),
        ),
    )
