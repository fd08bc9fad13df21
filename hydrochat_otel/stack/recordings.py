"""Recording rules: what several panels and alerts read, and what is dear to compute over days."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack.objectives import RESPONSE_TIME_S, SLO_RATIO, SLO_WINDOWS
from hydrochat_otel.stack.promql import (
    ERROR_TYPE,
    JOB,
    MODEL,
    OPERATION,
    OUTCOME,
    PERIOD,
    by,
    count,
    gauge,
    grew,
    quantile,
    ratio,
    total,
    up_to,
)
from hydrochat_otel.stack.rule_files import Group, Recording

CALLS_10M: Final = "job_model_outcome:hydrochat_llm_calls:grew10m"
ERROR_RATIO_10M: Final = "job_model:hydrochat_llm_errors:ratio10m"
RETRIES_10M: Final = "job_model:hydrochat_llm_retries:grew10m"
CALLS_1H: Final = "job_model:hydrochat_llm_calls:grew1h"
UNRECONCILED_1H: Final = "job_model:hydrochat_llm_unreconciled_calls:grew1h"
OPERATIONS_10M: Final = "job_operation:hydrochat_operations:grew10m"
P95_10M: Final = "job_operation:hydrochat_operation_duration_seconds:p95_10m"
VIOLATION_RATIO_10M: Final = "job_operation:hydrochat_operation_violations:ratio10m"
SPEND: Final = "job_period:hydrochat_llm_spend:max"
BUDGET: Final = "job_period:hydrochat_llm_budget:max"
SPENT_RATIO: Final = "job_period:hydrochat_llm_spend_of_budget:ratio"
SLO_OBJECTIVE: Final = "hydrochat_slo:objective_ratio"

BY_MODEL: Final = (JOB, MODEL)
BY_OPERATION: Final = (JOB, OPERATION)
BY_PERIOD: Final = (JOB, PERIOD)


def slo_bad(window: str) -> str:
    """Return the name of the share of bad operations in a window."""
    return f"job:hydrochat_slo_bad:ratio{window}"


def slo_operations(window: str) -> str:
    """Return the name of the number of operations in a window."""
    return f"job:hydrochat_slo_operations:grew{window}"


def _slo(window: str) -> tuple[Recording, Recording]:
    """Return the share of bad operations, and of how many: bad is failed, or over the threshold, or both."""
    good = up_to(semconv.OPERATION_DURATION, RESPONSE_TIME_S).where(ERROR_TYPE, "=", "")
    every = count(semconv.OPERATION_DURATION)
    share = f"1 - {ratio(by((JOB,), grew(good, window)), by((JOB,), grew(every, window)))}"
    return (
        Recording(slo_operations(window), by((JOB,), grew(every, window))),
        Recording(slo_bad(window), share),
    )


def groups() -> tuple[Group, ...]:
    """Return the groups, each in the order in which its rules build on each other."""
    calls = total(semconv.LLM_CALLS)
    operations = count(semconv.OPERATION_DURATION)
    violations = total(semconv.OPERATION_VIOLATIONS)
    errors = f'{CALLS_10M}{{{OUTCOME}="error"}}'
    return (
        Group(
            "hydrochat-calls",
            "30s",
            (
                Recording(CALLS_10M, by((*BY_MODEL, OUTCOME), grew(calls, "10m"))),
                Recording(ERROR_RATIO_10M, ratio(by(BY_MODEL, errors), by(BY_MODEL, CALLS_10M))),
                Recording(RETRIES_10M, by(BY_MODEL, grew(total(semconv.LLM_RETRIES), "10m"))),
                Recording(CALLS_1H, by(BY_MODEL, grew(calls, "1h"))),
                Recording(UNRECONCILED_1H, by(BY_MODEL, grew(total(semconv.LLM_UNRECONCILED_CALLS), "1h"))),
            ),
        ),
        Group(
            "hydrochat-operations",
            "30s",
            (
                Recording(OPERATIONS_10M, by(BY_OPERATION, grew(operations, "10m"))),
                Recording(P95_10M, quantile(0.95, semconv.OPERATION_DURATION, "10m", BY_OPERATION)),
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
