"""Alerts on operations: the objective of root operations, and the thresholds that operations state."""

from hydrochat_otel.stack import objectives
from hydrochat_otel.stack.alerts_calls import JOB_NAME, RATIO
from hydrochat_otel.stack.boards import LATENCY
from hydrochat_otel.stack.objectives import SLO_RATIO
from hydrochat_otel.stack.promql import JOB, OPERATION
from hydrochat_otel.stack.recordings import BY_OPERATION, OPERATIONS_10M, VIOLATION_RATIO_10M, slo_bad, slo_operations
from hydrochat_otel.stack.rule_files import Alert, Group, Severity, at_least, joined


def _slow() -> Alert:
    return Alert(
        name="HydrochatOperationSlow",
        expression=joined(
            BY_OPERATION,
            f"{VIOLATION_RATIO_10M} > {objectives.VIOLATION_RATIO:g}",
            "and",
            at_least(objectives.MIN_OPERATIONS, BY_OPERATION, OPERATIONS_10M),
        ),
        lasting="5m",
        severity="warning",
        summary=f"{RATIO} of {{{{ $labels.{OPERATION} }}}} exceed their threshold ({JOB_NAME})",
        description=f"More than {objectives.VIOLATION_RATIO:.0%} of at least {objectives.MIN_OPERATIONS} operations in "
        "10 minutes took longer than the threshold that they state.",
        runbook="1. Dashboard Latency and errors, table Operations: is it slow by itself, or a step inside it?\n"
        "2. The panels First answer token and Wait before a retry show whether its model is the cause.\n"
        "3. An exemplar in the panel p95 by operation leads to the trace of a slow one.\n"
        "4. A threshold that is too tight for what the operation does is changed where it is decorated.",
        board=LATENCY,
    )


def _burn(speed: str, factor: float, long: str, short: str, *, lasting: str, severity: Severity) -> Alert:
    """Return an alert on two windows: the long one shows that it matters, the short one that it continues."""
    limit = factor * (1 - SLO_RATIO)
    expression = joined(
        (JOB,),
        joined((JOB,), f"{slo_bad(long)} > {limit:.4g}", "and", f"{slo_bad(short)} > {limit:.4g}"),
        "and",
        at_least(objectives.MIN_OPERATIONS, (JOB,), slo_operations(long)),
    )
    return Alert(
        name=f"HydrochatSloBurn{speed}",
        expression=expression,
        lasting=lasting,
        severity=severity,
        summary=f"{JOB_NAME} uses up its error budget {factor:g} times too fast",
        description=f"{RATIO} of the turns of the last {long} failed or exceeded the threshold they state, and the "
        f"last {short} are no better; {1 - SLO_RATIO:.0%} may, over 30 days.",
        runbook="1. Dashboard Latency and errors: the table Operations shows which root fails or is slow.\n"
        "2. Errors: as for HydrochatGeminiErrorRate. Slowness: as for HydrochatOperationSlow.\n"
        "3. What was deployed when the burn began? The blue lines in the panels are restarts.",
        board=LATENCY,
    )


def group() -> Group:
    """Return the alerts."""
    return Group(
        "hydrochat-operation-alerts",
        "30s",
        (
            _slow(),
            _burn("Fast", objectives.FAST_BURN, "1h", "5m", lasting="2m", severity="critical"),
            _burn("Slow", objectives.SLOW_BURN, "6h", "30m", lasting="15m", severity="critical"),
            _burn("Creeping", objectives.CREEPING_BURN, "3d", "6h", lasting="1h", severity="warning"),
        ),
    )
