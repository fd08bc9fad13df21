"""Dashboard 2, Gemini: latency, outcomes, retries, tokens and dollars by model."""

from collections.abc import Iterable
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack.boards import Board, Row
from hydrochat_otel.stack.objectives import BUDGET_RATIOS
from hydrochat_otel.stack.panels import Limits, PanelBuilder, Query, heat, lines, number, rows
from hydrochat_otel.stack.promql import (
    BUCKET,
    ERROR_TYPE,
    MODEL,
    OUTCOME,
    PERIOD,
    REASON,
    Series,
    bucket,
    by,
    count,
    grew,
    label,
    or_zero,
    quantile,
    ratio,
    total,
)
from hydrochat_otel.stack.recordings import SPEND, SPENT_RATIO
from hydrochat_otel.stack.variables import (
    INTENT,
    RANGE,
    RATE_INTERVAL,
    TURN,
    chosen,
    intent_variable,
    of_operation,
    turn_variable,
    variables,
)

_CALLS: Final = chosen(total(semconv.LLM_CALLS))
_COST: Final = chosen(total(semconv.LLM_COST))
_TOKENS: Final = chosen(total(semconv.LLM_TOKENS))
_RETRIES: Final = chosen(total(semconv.LLM_RETRIES))
_ATTEMPTS: Final = chosen(total(semconv.LLM_ATTEMPTS))
_SCOPE: Final = {"job": "$job", "instance": "$instance", MODEL: "$model"}
_TOKEN_TYPE: Final = label(semconv.GEN_AI_TOKEN_TYPE)
_BY_MODEL: Final = f"{{{{{MODEL}}}}}"
_SECONDS_A_MONTH: Final = 30 * 86400


def _rate(series: Series, *names: str) -> str:
    return by(names, f"rate({series}[{RATE_INTERVAL}])")


def _latency() -> tuple[PanelBuilder, ...]:
    buckets = chosen(bucket(semconv.GEN_AI_DURATION))
    first = semconv.GEN_AI_TIME_TO_FIRST_CHUNK
    per_chunk = semconv.GEN_AI_TIME_PER_OUTPUT_CHUNK
    return (
        heat(
            "Latency",
            "Calls by how long they took, retries and waits included. Click a diamond to see the trace of one call.",
            "s",
            by(("le",), f"increase({buckets}[{RATE_INTERVAL}])"),
        ),
        *(
            lines(
                f"p{q * 100:g} by model",
                f"{q * 100:g} of 100 calls are faster.",
                "s",
                Query(quantile(q, semconv.GEN_AI_DURATION, RATE_INTERVAL, (MODEL,), **_SCOPE), _BY_MODEL),
                width=8,
                exemplars=True,
            )
            for q in (0.5, 0.95, 0.99)
        ),
        lines(
            "Time to first token",
            "From the start of a stream to its first chunk that carries more than thoughts, p95 by model.",
            "s",
            Query(quantile(0.95, first, RATE_INTERVAL, (MODEL,), **_SCOPE), _BY_MODEL),
        ),
        lines(
            "Between chunks",
            "Between two chunks of a stream, p95 by model.",
            "s",
            Query(quantile(0.95, per_chunk, RATE_INTERVAL, (MODEL,), **_SCOPE), _BY_MODEL),
        ),
    )


def _outcomes() -> tuple[PanelBuilder, ...]:
    failures = chosen(count(semconv.GEN_AI_DURATION)).where(ERROR_TYPE, "!=", "")
    return (
        lines(
            "Calls by outcome",
            "Calls a second by how they ended.",
            "reqps",
            Query(_rate(_CALLS, OUTCOME), f"{{{{{OUTCOME}}}}}"),
            stacked=True,
            width=8,
        ),
        lines(
            "Attempts by status class",
            "HTTP requests a second that the SDK sent.",
            "reqps",
            Query(_rate(_ATTEMPTS, REASON), f"{{{{{REASON}}}}}"),
            stacked=True,
            width=8,
        ),
        lines(
            "Errors by class",
            "Failed calls a second by status or class of the exception; zero where none failed.",
            "reqps",
            Query(f"{_rate(failures, ERROR_TYPE)} or 0 * {_rate(_CALLS)}", f"{{{{{ERROR_TYPE}}}}}"),
            stacked=True,
            width=8,
        ),
        lines(
            "Retries",
            "Requests a second that repeated a failed one, by what it failed with.",
            "reqps",
            Query(f"{_rate(_RETRIES, MODEL, REASON)} or 0 * {_rate(_CALLS)}", f"{_BY_MODEL} {{{{{REASON}}}}}"),
        ),
        lines(
            "Wait before a retry",
            "p95 of the time between a failed attempt and the next, and of what the service asked for, by model.",
            "s",
            Query(quantile(0.95, semconv.LLM_RETRY_WAIT, RATE_INTERVAL, (MODEL,), **_SCOPE), _BY_MODEL),
            Query(
                quantile(0.95, semconv.LLM_RETRY_ADVISED, RATE_INTERVAL, (MODEL,), **_SCOPE), f"asked for {_BY_MODEL}"
            ),
        ),
    )


def _tokens() -> tuple[PanelBuilder, ...]:
    inputs = _TOKENS.where(BUCKET, "=~", "|".join(semconv.INPUT_BUCKETS))
    cached = _TOKENS.where(BUCKET, "=", "input_cached")
    per_call = {"instance": "$instance", "job": "$job", MODEL: "$model"}
    return (
        lines(
            "Tokens by bucket",
            "Tokens a second in five disjoint buckets whose sum is what is billed.",
            "short",
            Query(_rate(_TOKENS, BUCKET), f"{{{{{BUCKET}}}}}"),
            stacked=True,
        ),
        lines(
            "Tokens of a call",
            "p95 of a call's tokens, input and output.",
            "short",
            Query(
                quantile(0.95, semconv.GEN_AI_TOKEN_USAGE, RATE_INTERVAL, (_TOKEN_TYPE,), **per_call),
                f"{{{{{_TOKEN_TYPE}}}}}",
            ),
        ),
        lines(
            "Cache hits",
            "Share of input tokens that came from a cache, by model.",
            "percentunit",
            Query(ratio(_rate(cached, MODEL), _rate(inputs, MODEL)), _BY_MODEL),
        ),
        rows(
            "Tokens by model",
            "In the shown range.",
            {
                name: ("short", or_zero(_grown(_TOKENS.where(BUCKET, "=", name)), _grown(_CALLS)))
                for name in semconv.TOKEN_BUCKETS
            },
            labels={MODEL: "Model"},
            width=12,
        ),
    )


def _grown(series: Series) -> str:
    return by((MODEL,), grew(series, RANGE))


def _dollars() -> tuple[PanelBuilder, ...]:
    cost = by((), grew(_COST, RANGE))
    everything = by((), grew(total(semconv.LLM_COST).scoped(job="$job", instance="$instance"), RANGE))
    operations = count(semconv.OPERATION_DURATION)
    turns = by((), grew(of_operation(operations, TURN), RANGE))
    intents = by((), grew(of_operation(operations, INTENT).where(ERROR_TYPE, "=", ""), RANGE))
    return (
        number("Cost", "Dollars in the shown range.", "currencyUSD", cost, width=6),
        number(
            "Projected month",
            "Thirty days at the average of the shown range.",
            "currencyUSD",
            f"{cost} / $__range_s * {_SECONDS_A_MONTH}",
            width=6,
        ),
        number(
            "Per 1000 turns",
            "All cost of the chosen processes, by the operations that are turns (variable Turn).",
            "currencyUSD",
            f"1000 * {everything} / ({turns} > 0)",
            width=6,
        ),
        number(
            "Per recognised intent",
            "All cost of the chosen processes, by operations that recognised an intent without an error (variable "
            "Intent).",
            "currencyUSD",
            f"{everything} / ({intents} > 0)",
            width=6,
        ),
        *_budget(),
        lines(
            "Cost per hour",
            "Dollars an hour at the rate of each moment, by model.",
            "currencyUSD",
            Query(f"3600 * {_rate(_COST, MODEL)}", _BY_MODEL),
            stacked=True,
        ),
        rows(
            "Cost by model",
            "In the shown range.",
            {
                "Cost": ("currencyUSD", or_zero(_grown(_COST), _grown(_CALLS))),
                "Calls": ("short", _grown(_CALLS)),
                "Tokens": ("short", or_zero(_grown(_TOKENS), _grown(_CALLS))),
            },
            labels={MODEL: "Model"},
            width=12,
        ),
    )


def _budget() -> Iterable[PanelBuilder]:
    for period, words in (("day", "today"), ("month", "this month")):
        of_period = f'{{job=~"$job",{PERIOD}="{period}"}}'
        yield number(
            f"Spent {words}",
            "Dollars of the chosen jobs, by the end of the call; all processes that share their state.",
            "currencyUSD",
            by((), f"{SPEND}{of_period}"),
            width=6,
        )
        yield number(
            f"Of {words}'s budget",
            "Of the chosen job that has spent the most of its own (HYDROCHAT_BUDGET_USD).",
            "percentunit",
            by((), f"{SPENT_RATIO}{of_period}", "max"),
            limits=Limits(amber=BUDGET_RATIOS[1], red=BUDGET_RATIOS[2]),
            width=6,
        )


def _gaps() -> tuple[PanelBuilder, ...]:
    unpriced = chosen(total(semconv.LLM_UNPRICED_TOKENS))
    unreconciled = chosen(total(semconv.LLM_UNRECONCILED_CALLS))
    none = f"0 * {by((), grew(_CALLS, RANGE))}"
    return (
        number(
            "Unpriced tokens",
            "Tokens without a known price: missing from every cost here.",
            "short",
            f"{by((), grew(unpriced, RANGE))} or {none}",
            limits=Limits(red=1),
            width=6,
        ),
        number(
            "Unreconciled calls",
            "Calls whose usage record is missing or does not balance.",
            "short",
            f"{by((), grew(unreconciled, RANGE))} or {none}",
            limits=Limits(amber=1),
            width=6,
        ),
        lines(
            "Unpriced and unreconciled",
            "Tokens and calls a second that the numbers above do not speak of, by model.",
            "short",
            Query(f"{_rate(unpriced, MODEL)} or 0 * {_rate(_CALLS)}", f"tokens {_BY_MODEL}"),
            Query(f"{_rate(unreconciled, MODEL)} or 0 * {_rate(_CALLS)}", f"calls {_BY_MODEL}"),
        ),
    )


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid="hydrochat-gemini",
        title="HydroChat / Gemini",
        description="Latency, outcomes, retries, tokens and dollars by model.",
        rows=(
            Row("Latency", _latency()),
            Row("Outcomes and retries", _outcomes()),
            Row("Tokens", _tokens()),
            Row("Dollars", _dollars()),
            Row("What is missing", _gaps()),
        ),
        variables=(*variables(), turn_variable(), intent_variable()),
    )
