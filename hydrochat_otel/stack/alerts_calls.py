"""Alerts on calls to Gemini: failures, retries, throttling, blocked answers, and traffic that stops."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import objectives
from hydrochat_otel.stack.boards import LATENCY, OVERVIEW
from hydrochat_otel.stack.promql import JOB, MODEL, OUTCOME, REASON, bucket, by, grew, ratio, total
from hydrochat_otel.stack.recordings import (
    ATTEMPTS_10M,
    BY_MODEL,
    CALLS_1H,
    CALLS_10M,
    ERROR_RATIO_10M,
    RETRIES_10M,
)
from hydrochat_otel.stack.rule_files import Alert, Group, Severity, at_least, joined

MODEL_NAME: Final = f"{{{{ $labels.{MODEL} }}}}"
JOB_NAME: Final = "{{ $labels.job }}"
RATIO: Final = "{{ $value | humanizePercentage }}"
NUMBER: Final = '{{ printf "%.0f" $value }}'
_FAILURES: Final = f'{CALLS_10M}{{{OUTCOME}="error"}}'


def _error_rate(severity: Severity, conditions: str, words: str) -> Alert:
    return Alert(
        name="HydrochatGeminiErrorRate",
        expression=joined(BY_MODEL, f"{ERROR_RATIO_10M} > {objectives.ERROR_RATIO:g}", "and", conditions),
        lasting="1m",
        severity=severity,
        summary=f"{RATIO} of the calls to {MODEL_NAME} fail ({JOB_NAME})",
        description=f"More than {objectives.ERROR_RATIO:.0%} of the calls of 10 minutes ended in an error, {words}. "
        "Blocked and cancelled calls are no errors.",
        runbook="1. Dashboard Latency and errors, panel Failed calls to Gemini: is it one model or all?\n"
        "2. 429: the quota is used up; lower the load or raise the quota. 5xx: see the status page of the API; "
        "switch GEMINI_MODEL if another model works.\n"
        "3. 4xx: a key that expired, a model that was withdrawn, a request that is too large.\n"
        "4. An exemplar in the panel p95 by model leads to a trace that names the operation and the error's class.",
        board=LATENCY,
    )


def _failing() -> tuple[Alert, ...]:
    enough = at_least(objectives.PAGING_CALLS, BY_MODEL, CALLS_10M)
    failures = at_least(objectives.PAGING_FAILURES, BY_MODEL, _FAILURES)
    few = joined(
        BY_MODEL,
        at_least(objectives.MIN_CALLS, BY_MODEL, CALLS_10M),
        "unless",
        f"({joined(BY_MODEL, enough, 'and', failures)})",
    )
    return (
        _error_rate(
            "critical",
            joined(BY_MODEL, enough, "and", failures),
            f"at least {objectives.PAGING_FAILURES} of at least {objectives.PAGING_CALLS}",
        ),
        _error_rate("warning", f"({few})", f"of at least {objectives.MIN_CALLS}, too few to page"),
    )


def _repeating() -> tuple[Alert, ...]:
    throttled = total(semconv.LLM_ATTEMPTS).where(REASON, "=", "429")
    return (
        Alert(
            name="HydrochatGeminiRetries",
            expression=joined(
                BY_MODEL,
                f"{RETRIES_10M} > {objectives.RETRIES:g}",
                "and",
                f"{RETRIES_10M} / {ATTEMPTS_10M} > {objectives.RETRY_RATIO:g}",
            ),
            severity="warning",
            summary=f"{NUMBER} requests to {MODEL_NAME} were repeated within 10 minutes ({JOB_NAME})",
            description=f"More than {objectives.RETRIES} HTTP requests, and more than {objectives.RETRY_RATIO:.0%} of "
            "all, repeated a failed one within 10 minutes. Callers wait meanwhile.",
            runbook="1. Dashboard Latency and errors, panel Requests by status class: 429 is quota, 5xx is the "
            "service.\n"
            "2. The panel Wait before a retry shows what it costs the callers.\n"
            "3. Quota: spread the load, or lower LLM_MAX_RETRIES so that callers fail early.",
            board=LATENCY,
        ),
        Alert(
            name="HydrochatGeminiThrottled",
            expression=joined(
                BY_MODEL,
                f"{ratio(by(BY_MODEL, grew(throttled, '10m')), ATTEMPTS_10M)} > {objectives.THROTTLED_RATIO:g}",
                "and",
                f"{ATTEMPTS_10M} >= {objectives.PAGING_CALLS}",
            ),
            lasting="5m",
            severity="warning",
            summary=f"{RATIO} of the requests to {MODEL_NAME} are answered with 429 ({JOB_NAME})",
            description=f"More than {objectives.THROTTLED_RATIO:.0%} of at least {objectives.PAGING_CALLS} requests "
            "within 10 minutes exceeded the quota.",
            runbook="1. Dashboard Overview, table Models compared: which model has the traffic?\n"
            "2. Raise the quota, spread the load, or move part of it to another model.\n"
            "3. Dashboard Money, tile Spent on retries: what the repeated requests cost.",
            board=LATENCY,
        ),
        Alert(
            name="HydrochatGeminiBlocked",
            expression=joined(
                BY_MODEL,
                ratio(by(BY_MODEL, f'{CALLS_10M}{{{OUTCOME}="blocked"}}'), by(BY_MODEL, CALLS_10M))
                + f" > {objectives.BLOCKED_RATIO:g}",
                "and",
                at_least(objectives.PAGING_CALLS, BY_MODEL, CALLS_10M),
            ),
            lasting="5m",
            severity="warning",
            summary=f"{RATIO} of the calls to {MODEL_NAME} are blocked ({JOB_NAME})",
            description=f"More than {objectives.BLOCKED_RATIO:.0%} of at least {objectives.PAGING_CALLS} calls within "
            "10 minutes had a prompt or an answer that was refused. Blocked prompts are charged too.",
            runbook="1. Dashboard Overview, panel How calls end: since when?\n"
            "2. Was a prompt changed, or the safety settings of the model?\n"
            "3. The finish reason on the spans of the calls names the filter.",
            board=OVERVIEW,
        ),
    )


def _fading() -> tuple[Alert, ...]:
    first = by((*BY_MODEL, "le"), f"rate({bucket(semconv.LLM_FIRST_ANSWER_TOKEN)}[1h])")
    yesterday = by((*BY_MODEL, "le"), f"rate({bucket(semconv.LLM_FIRST_ANSWER_TOKEN)}[1h] offset 1d)")
    p95, before = f"histogram_quantile(0.95, {first})", f"histogram_quantile(0.95, {yesterday})"
    calls = by((JOB,), CALLS_1H)
    return (
        Alert(
            name="HydrochatTrafficStopped",
            expression=joined(
                (JOB,), f"{calls} == 0", "and", f"{by((JOB,), f'{CALLS_1H} offset 1d')} >= {objectives.MIN_TRAFFIC}"
            ),
            lasting="10m",
            severity="warning",
            summary=f"{JOB_NAME} makes no more calls to Gemini",
            description=f"No call within the last hour, and at least {objectives.MIN_TRAFFIC} in the same hour "
            "yesterday.",
            runbook="1. Dashboard Overview, tile Turns per minute: do users still come?\n"
            "2. Turns without calls: is the API key valid, is the model reachable from there?\n"
            "3. A holiday or a planned stop: silence the alert for the job.",
            board=OVERVIEW,
        ),
        Alert(
            name="HydrochatFirstTokenSlow",
            expression=joined(
                BY_MODEL,
                f"{p95} > {objectives.FIRST_TOKEN_GROWTH:g} * ({before} > 0)",
                "and",
                f"{by(BY_MODEL, CALLS_1H)} >= {objectives.PAGING_CALLS}",
            ),
            lasting="15m",
            severity="warning",
            summary=f"The first token of {MODEL_NAME} takes {{{{ $value | humanizeDuration }}}} ({JOB_NAME})",
            description=f"p95 of the last hour is more than {objectives.FIRST_TOKEN_GROWTH:g} times that of the same "
            "hour yesterday.",
            runbook="1. Dashboard Latency and errors, panel First answer token: one model, or all?\n"
            "2. Were prompts made longer, was thinking switched on, is the cache no longer hit?\n"
            "3. All models at once: the service is slow; see the status page of the API.",
            board=LATENCY,
        ),
    )


def group() -> Group:
    """Return the alerts."""
    return Group("hydrochat-gemini-alerts", "30s", (*_failing(), *_repeating(), *_fading()))
