"""Alerts, each with what to do about it and a least number of events below which it stays quiet."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import objectives
from hydrochat_otel.stack.objectives import RESPONSE_TIME_S, SLO_RATIO
from hydrochat_otel.stack.promql import (
    INSTANCE,
    JOB,
    LIBRARY,
    LIBRARY_VERSION,
    MODEL,
    OPERATION,
    PERIOD,
    REASON,
    SEAM,
    by,
    count,
    gauge,
    grew,
    total,
)
from hydrochat_otel.stack.recordings import (
    BY_MODEL,
    BY_OPERATION,
    CALLS_1H,
    CALLS_10M,
    ERROR_RATIO_10M,
    OPERATIONS_10M,
    P95_10M,
    RETRIES_10M,
    SPENT_RATIO,
    UNRECONCILED_1H,
    VIOLATION_RATIO_10M,
    slo_bad,
    slo_operations,
)
from hydrochat_otel.stack.rule_files import Alert, Group, Severity, at_least, joined

_MODEL_NAME: Final = f"{{{{ $labels.{MODEL} }}}}"
_OPERATION_NAME: Final = f"{{{{ $labels.{OPERATION} }}}}"
_JOB_NAME: Final = "{{ $labels.job }}"
_INSTANCE_NAME: Final = "{{ $labels.instance }}"
_RATIO: Final = "{{ $value | humanizePercentage }}"
_NUMBER: Final = '{{ printf "%.0f" $value }}'
_ONE_PROCESS: Final = (JOB, INSTANCE)
_SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "page")
"""Of the shares of a budget, the lowest first."""


def _gemini() -> tuple[Alert, ...]:
    return (
        Alert(
            name="HydrochatGeminiErrorRate",
            expression=joined(
                BY_MODEL,
                f"{ERROR_RATIO_10M} > {objectives.ERROR_RATIO:g}",
                "and",
                at_least(objectives.MIN_CALLS, BY_MODEL, CALLS_10M),
            ),
            lasting="1m",
            severity="page",
            summary=f"{_RATIO} of the calls to {_MODEL_NAME} fail ({_JOB_NAME})",
            description=f"More than {objectives.ERROR_RATIO:.0%} of at least {objectives.MIN_CALLS} calls in 10 "
            "minutes ended in an error. Blocked and cancelled calls are no errors.",
            runbook="1. Dashboard Gemini, calls by outcome and attempts by status class: is it one model or all?\n"
            "2. 429: the quota is used up; lower the load or raise the quota. 5xx: see the status page of the API; "
            "switch GEMINI_MODEL if another model is well.\n"
            "3. 4xx: a key that expired, a model that was withdrawn, a request that is too large.\n"
            "4. Click an exemplar of the heat map: the trace names the operation and the class of the error.",
        ),
        Alert(
            name="HydrochatGeminiRetries",
            expression=f"{RETRIES_10M} > {objectives.RETRIES:g}",
            severity="warning",
            summary=f"{_NUMBER} requests to {_MODEL_NAME} were repeated within 10 minutes ({_JOB_NAME})",
            description=f"More than {objectives.RETRIES} HTTP requests repeated a failed one within 10 minutes. "
            "Callers wait meanwhile, and may not notice anything else.",
            runbook="1. Dashboard Gemini, retries by reason: 429 is quota, 5xx is the service.\n"
            "2. Retry wait on the same dashboard says what it costs the callers.\n"
            "3. Quota: spread the load, or lower LLM_MAX_RETRIES so that callers fail early.",
        ),
        Alert(
            name="HydrochatUnpricedTokens",
            expression=f"{by(BY_MODEL, grew(total(semconv.LLM_UNPRICED_TOKENS), '1h'))} > 0",
            severity="warning",
            summary=f"{_NUMBER} tokens of {_MODEL_NAME} have no price ({_JOB_NAME})",
            description="No price is known for tokens that were used within the last hour. They are missing from every "
            "cost.",
            runbook="1. Is the model new, or its name misspelt? `hydrochat-otel doctor` prints what is known.\n"
            "2. New: upgrade genai-prices, or state the price in the file that HYDROCHAT_PRICES names.\n"
            "3. Past tokens stay unpriced: add them by hand where the sum matters.",
        ),
        Alert(
            name="HydrochatUnreconciledCalls",
            expression=joined(
                BY_MODEL,
                f"{UNRECONCILED_1H} / {CALLS_1H} > {objectives.UNRECONCILED_RATIO:g}",
                "and",
                f"{UNRECONCILED_1H} >= {objectives.MIN_UNRECONCILED}",
            ),
            severity="warning",
            summary=f"{_RATIO} of the calls to {_MODEL_NAME} have no usage record that balances ({_JOB_NAME})",
            description=f"At least {objectives.MIN_UNRECONCILED} calls within an hour, and more than "
            f"{objectives.UNRECONCILED_RATIO:.0%} of all, had a usage record that is missing or whose parts do not add "
            "up. Their tokens and cost may be too low.",
            runbook="1. Streams that end early have no usage record: are callers hanging up, or connections cut?\n"
            "2. All calls of one model: the API has changed what it reports; compare with the bill and open an issue.",
        ),
        *(_budget(ratio, severity) for ratio, severity in zip(objectives.BUDGET_RATIOS, _SEVERITIES, strict=True)),
    )


def _budget(ratio: float, severity: Severity) -> Alert:
    return Alert(
        name="HydrochatBudget",
        expression=f"{SPENT_RATIO} >= {ratio:g}",
        severity=severity,
        summary=f"{_JOB_NAME} has spent {_RATIO} of its budget for this {{{{ $labels.{PERIOD} }}}} on Gemini",
        description=f"At least {ratio:.0%} of the dollars for this day or this month are spent. HYDROCHAT_BUDGET_USD "
        "is the budget of a day; the month's is so much for each of its days.",
        runbook="1. Dashboard Gemini, cost by model and tokens by bucket: which model, and input or output?\n"
        "2. Much input: longer histories or a cache that is no longer hit. Much thinking: set a thinking budget.\n"
        "3. Traffic that is real: raise HYDROCHAT_BUDGET_USD.\n"
        "4. Spend that falls at a restart, or differs by instance, is not shared: set HYDROCHAT_STATE.",
    )


def _operations() -> tuple[Alert, ...]:
    enough = at_least(objectives.MIN_OPERATIONS, BY_OPERATION, OPERATIONS_10M)
    return (
        Alert(
            name="HydrochatOperationSlow",
            expression=joined(BY_OPERATION, f"{P95_10M} > {RESPONSE_TIME_S:g}", "and", enough),
            lasting="5m",
            severity="warning",
            summary=f"p95 of {_OPERATION_NAME} is {{{{ $value | humanizeDuration }}}} ({_JOB_NAME})",
            description=f"One of twenty operations took longer than {RESPONSE_TIME_S:g} s in the last 10 minutes, of "
            f"at least {objectives.MIN_OPERATIONS}.",
            runbook="1. Dashboard Conversations: is the operation slow by itself, or one that it calls?\n"
            "2. Dashboard Gemini: latency and time to first token of its model, retries and their waits.\n"
            "3. An exemplar of the heat map leads to a trace of a slow one.",
        ),
        Alert(
            name="HydrochatViolations",
            expression=joined(BY_OPERATION, f"{VIOLATION_RATIO_10M} > {objectives.VIOLATION_RATIO:g}", "and", enough),
            lasting="5m",
            severity="warning",
            summary=f"{_RATIO} of {_OPERATION_NAME} exceed their threshold ({_JOB_NAME})",
            description=f"More than {objectives.VIOLATION_RATIO:.0%} of at least {objectives.MIN_OPERATIONS} "
            "operations in 10 minutes took longer than the threshold that they state.",
            runbook="1. As for HydrochatOperationSlow.\n"
            "2. A threshold that is too tight for what the operation does belongs changed where it is decorated.",
        ),
        _burn("Fast", objectives.FAST_BURN, "1h", "5m", lasting="2m", severity="page"),
        _burn("Slow", objectives.SLOW_BURN, "6h", "30m", lasting="15m", severity="page"),
        _burn("Creeping", objectives.CREEPING_BURN, "3d", "6h", lasting="1h", severity="warning"),
    )


def _burn(speed: str, factor: float, long: str, short: str, *, lasting: str, severity: Severity) -> Alert:
    """Return an alert on both windows: the long one says that it matters, the short one that it goes on."""
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
        summary=f"{_JOB_NAME} uses up its error budget {factor:g} times too fast",
        description=f"{_RATIO} of the operations of the last {long} failed or took over {RESPONSE_TIME_S:g} s, and "
        f"the last {short} are no better; {1 - SLO_RATIO:.0%} may, over 30 days.",
        runbook="1. Dashboard Service: error ratio or p95, which of the two burns?\n"
        "2. Errors: as for HydrochatGeminiErrorRate. Slowness: as for HydrochatOperationSlow.\n"
        "3. What was deployed when the burn began?",
    )


def _telemetry() -> tuple[Alert, ...]:
    errors = total(semconv.TELEMETRY_ERRORS)
    evicted = total(semconv.RETENTION_EVICTED).where(REASON, "=", semconv.EVICTED_CAPACITY)
    active = gauge(semconv.INSTRUMENTATION_ACTIVE)
    named = (JOB, INSTANCE, LIBRARY, LIBRARY_VERSION)
    overflow = '{__name__=~"hydrochat_.+|gen_ai_.+",otel_metric_overflow="true"}'
    return (
        Alert(
            name="HydrochatTargetDown",
            expression=joined(_ONE_PROCESS, "up == 0", "and", f"last_over_time({active}[1d])"),
            lasting="2m",
            severity="page",
            summary=f"{_INSTANCE_NAME} of {_JOB_NAME} cannot be scraped",
            description="A target that gave HydroChat's metrics within the last day does not answer Prometheus.",
            runbook="1. Is the process up? `/healthz` is open to everybody.\n"
            "2. Prometheus, Status → Targets, says why: 401 is the token (HYDROCHAT_METRICS_TOKEN against "
            "authorization.credentials_file), a refused connection the port or the host it listens on.",
        ),
        Alert(
            name="HydrochatInstrumentationInactive",
            expression=joined(
                _ONE_PROCESS,
                f"{by(named, str(active), 'max')} == 0",
                "and",
                at_least(1, _ONE_PROCESS, grew(count(semconv.OPERATION_DURATION), "10m")),
            ),
            lasting="5m",
            severity="warning",
            summary=f"{{{{ $labels.{LIBRARY} }}}} {{{{ $labels.{LIBRARY_VERSION} }}}} is not instrumented "
            f"({_INSTANCE_NAME} of {_JOB_NAME})",
            description="The process tracks operations, but its calls to Gemini are not seen: no tokens, no cost, no "
            "errors of theirs are counted.",
            runbook="1. The log of the process says in one sentence why the library was refused; `hydrochat-otel "
            "doctor` says it again.\n"
            "2. An SDK newer than this package knows: upgrade the package, or pin the SDK.\n"
            "3. HYDROCHAT_INSTRUMENT_GEMINI=false on purpose? Then silence this alert for the job.",
        ),
        Alert(
            name="HydrochatRetentionNearlyFull",
            expression=f"{by(_ONE_PROCESS, str(gauge(semconv.RETENTION_UTILIZATION)), 'max')} "
            f">= {objectives.RETENTION_RATIO:g}",
            lasting="15m",
            severity="info",
            summary=f"The retained window of {_INSTANCE_NAME} is {_RATIO} full",
            description=f"From {objectives.RETENTION_RATIO:.0%} on the contract warns: soon the oldest entries leave "
            "before their time.",
            runbook="Raise METRICS_MAX_ENTRIES (170 bytes an entry), or accept that the export speaks of fewer hours.",
        ),
        Alert(
            name="HydrochatRetentionShortened",
            expression=f"{by(_ONE_PROCESS, grew(evicted, '1h'))} > 0",
            lasting="15m",
            severity="info",
            summary=f"{_NUMBER} retained entries of {_INSTANCE_NAME} left before their time within an hour",
            description="The retained window is full, so that it reaches back less far than METRICS_TTL_HOURS says.",
            runbook="Raise METRICS_MAX_ENTRIES, or read longer history from Prometheus instead of the export.",
        ),
        Alert(
            name="HydrochatPriceBookOld",
            expression=f"{by((JOB,), str(gauge(semconv.PRICE_BOOK_AGE)), 'max')} "
            f"> {objectives.PRICE_BOOK_AGE_DAYS} * 86400",
            lasting="1h",
            severity="info",
            summary=f"The prices of {_JOB_NAME} are {{{{ $value | humanizeDuration }}}} old",
            description=f"The price book is older than {objectives.PRICE_BOOK_AGE_DAYS} days: costs may be wrong.",
            runbook="Upgrade genai-prices, or state current prices in the file that HYDROCHAT_PRICES names.",
        ),
        Alert(
            name="HydrochatTelemetryErrors",
            expression=f"{by((JOB, SEAM), grew(errors.where(SEAM, '!~', 'label[.].+'), '15m'))} > 0",
            lasting="1m",
            severity="warning",
            summary=f"The telemetry of {_JOB_NAME} fails at {{{{ $labels.{SEAM} }}}}",
            description=f"{_NUMBER} failures inside the telemetry within 15 minutes. The application is not affected; "
            "what it should have recorded is missing.",
            runbook="1. The log of the process names the seam and the class of the first failure.\n"
            "2. Dashboard Telemetry shows since when. Was a library upgraded? Report it with both.",
        ),
        Alert(
            name="HydrochatLabelOverflow",
            expression=f"{by((JOB,), grew(errors.where(SEAM, '=~', 'label[.].+'), '1h'))} > 0\n"
            f"or\n{by((JOB,), overflow, 'count')}",
            severity="warning",
            summary=f"Label values of {_JOB_NAME} are lumped together",
            description="Operation names, models or error types outside their closed set were counted as `other` "
            "within the last hour, or a metric has more label sets than the SDK keeps.",
            runbook="1. Is an operation named after data (an id, a name)? Name the code, never the patient.\n"
            "2. Really more than 200 operations: raise HYDROCHAT_MAX_OPERATIONS.",
        ),
    )


def groups() -> tuple[Group, ...]:
    """Return the alerts, grouped by what they watch."""
    return (
        Group("hydrochat-gemini-alerts", "30s", _gemini()),
        Group("hydrochat-operation-alerts", "30s", _operations()),
        Group("hydrochat-telemetry-alerts", "30s", _telemetry()),
    )
