"""The landing page: the state of turns, their cost and failures, and the models and operations behind them."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import expressions as ask, objectives
from hydrochat_otel.stack.boards import FIRING, LATENCY, MONEY, OVERVIEW, Board, Row
from hydrochat_otel.stack.look import (
    BY_BUCKET,
    BY_OUTCOME,
    BY_QUANTILE,
    NOTHING_FAILED,
    Limits,
    Link,
    to_board,
)
from hydrochat_otel.stack.objectives import RESPONSE_TIME_S, SLO_RATIO
from hydrochat_otel.stack.panels import PanelBuilder, Query, bars, lines, tile
from hydrochat_otel.stack.promql import (
    BOUND,
    BUCKET,
    ERROR_TYPE,
    MODEL,
    OPERATION,
    OUTCOME,
    PERIOD,
    REASON,
    bucket,
    by,
    count,
    gauge,
    ratio,
    sum_of,
    total,
)
from hydrochat_otel.stack.tables import Column, ranking, rows
from hydrochat_otel.stack.variables import INTERVAL, chosen, model, of_job, operation, processes, turn

_BY_MODEL: Final = f"{{{{{MODEL}}}}}"
_TO_OPERATION: Final = Link("Latency of this operation", to_board(LATENCY, operation="${__data.fields.Operation}"))
_TO_MODEL: Final = Link("Money of this model", to_board(MONEY, model="${__data.fields.Model}"))
_FAILED: Final = chosen(count(semconv.LLM_CALL_DURATION)).where(ERROR_TYPE, "!=", "")
_NO_PRICE: Final = "no price"
_NO_TURNS: Final = "no turns in this range"
_NO_CALLS: Final = "no calls in this range"


def _tiles() -> tuple[PanelBuilder, ...]:
    spend = gauge(semconv.LLM_SPEND).scoped(job="$job")
    forecast = gauge(semconv.LLM_FORECAST).scoped(job="$job").where(BOUND, "=", "expected")
    return (
        tile(
            "Turns per minute",
            "Root operations: what a caller waits for.",
            "short",
            ask.per_minute(ask.TURNS),
            empty=_NO_TURNS,
        ),
        tile(
            "Turn p95",
            f"95 of 100 turns are faster. The default threshold is {RESPONSE_TIME_S:g} s.",
            "s",
            ask.quantile_now(0.95, ask.TURN_BUCKETS),
            limits=Limits(amber=RESPONSE_TIME_S * 0.75, red=RESPONSE_TIME_S),
            decimals=2,
            empty=_NO_TURNS,
            link=Link("Latency and errors", to_board(LATENCY)),
        ),
        tile(
            "Good turns",
            f"Turns without an error and within the threshold they state; the objective is {SLO_RATIO:.0%}.",
            "percentunit",
            ask.good_share(),
            limits=Limits(amber=SLO_RATIO * 0.98, red=SLO_RATIO, good_above=True),
            decimals=1,
            empty=_NO_TURNS,
        ),
        tile(
            "Calls that fail",
            "Share of calls to Gemini that ended in an error after all retries.",
            "percentunit",
            ratio(ask.rate(ask.FAILED_CALLS), ask.rate(ask.CALLS)),
            limits=Limits(amber=0.05, red=objectives.ERROR_RATIO),
            decimals=2,
            empty=_NO_CALLS,
        ),
        tile(
            "Spend per hour",
            "Dollars for Gemini at the rate of each moment.",
            "currencyUSD",
            ask.per_hour(ask.COST),
            empty=_NO_CALLS,
            link=Link("Money", to_board(MONEY)),
        ),
        tile(
            "Spent today",
            "Since midnight of the budget's time zone, all processes that share their state.",
            "currencyUSD",
            by((), by(("job",), str(spend.where(PERIOD, "=", "day")), "max")),
            running=True,
        ),
        tile(
            "Month, forecast",
            "Spend at the end of the month: month to date plus the pace of the last seven days by weekday.",
            "currencyUSD",
            by((), by(("job",), str(forecast), "max")),
            empty="no whole day yet",
        ),
        tile(
            "Per 1000 turns",
            "All cost of the chosen processes, by turns.",
            "currencyUSD",
            f"1000 * {ask.rate(of_job(total(semconv.LLM_COST)))} / ({ask.rate(ask.TURNS)} > 0)",
            empty=_NO_TURNS,
        ),
    )


def _turns_and_money() -> tuple[PanelBuilder, ...]:
    return (
        lines(
            "How long a turn takes",
            "Percentiles of turns. Click a diamond for the trace of one.",
            "s",
            *(Query(ask.quantile_now(q, ask.TURN_BUCKETS), name) for name, q in ask.QUANTILES.items()),
            limits=Limits(red=RESPONSE_TIME_S),
            exemplars=True,
            by_name=BY_QUANTILE,
        ),
        lines(
            "What Gemini costs per hour",
            "Dollars an hour by model.",
            "currencyUSD",
            Query(f"{ask.per_hour(ask.COST, MODEL)} > 0", _BY_MODEL),
            stacked=True,
        ),
        lines(
            "How calls end",
            "Share of calls by outcome.",
            "percentunit",
            Query(_outcome_shares(), f"{{{{{OUTCOME}}}}}"),
            stacked=True,
            share=True,
            width=8,
            by_name=BY_OUTCOME,
        ),
        bars(
            "What fails",
            "Failed calls by status or class of the exception, and repeated requests by status class.",
            "short",
            Query(f"{ask.grown(_FAILED, ERROR_TYPE, window=INTERVAL)} > 0", f"failed: {{{{{ERROR_TYPE}}}}}"),
            Query(f"{ask.grown(ask.RETRIES, REASON, window=INTERVAL)} > 0", f"repeated: {{{{{REASON}}}}}"),
            width=8,
            empty=NOTHING_FAILED,
        ),
        lines(
            "First answer token",
            "From the start of a stream to the first token that is no thought, p95 by model.",
            "s",
            Query(ask.quantile_now(0.95, ask.FIRST_TOKEN_BUCKETS, MODEL), _BY_MODEL),
            width=8,
            empty="no streams",
        ),
    )


def _outcome_shares() -> str:
    return f"{ask.rate(ask.CALLS, OUTCOME)} / ignoring ({OUTCOME}) group_left {ask.rate(ask.CALLS)}"


def _models() -> PanelBuilder:
    calls, cost = ask.grown(ask.CALLS, MODEL), ask.grown(ask.COST, MODEL)
    everything = f"scalar({ask.grown(ask.COST)} > 0)"
    output, seconds = ask.grown(ask.OUTPUT_TOKENS, MODEL), ask.grown(chosen(sum_of(semconv.LLM_CALL_DURATION)), MODEL)
    return rows(
        "Models compared",
        "In the shown range, the highest cost first. A model without a known price says so. First token is the p95 of "
        "streams; tokens/s are those of the output.",
        {
            "Cost": Column("currencyUSD", ask.priced(cost, calls), empty=_NO_PRICE, total=True),
            "Share": Column("percentunit", f"{cost} / {everything}", share=True),
            "Calls": Column("short", calls, total=True),
            "Per 1000 calls": Column("currencyUSD", f"1000 * {ask.priced(cost, calls)} / {calls}", empty=_NO_PRICE),
            "Failed": Column(
                "percentunit",
                ask.share_of(ask.FAILED_CALLS, ask.CALLS, MODEL),
                limits=Limits(amber=0.02, red=objectives.ERROR_RATIO),
                decimals=1,
            ),
            "p50": Column("s", ask.quantile_of_range(0.5, ask.CALL_BUCKETS, MODEL)),
            "p95": Column("s", ask.quantile_of_range(0.95, ask.CALL_BUCKETS, MODEL)),
            "First token": Column("s", ask.quantile_of_range(0.95, ask.FIRST_TOKEN_BUCKETS, MODEL), empty="-"),
            "Tokens/s": Column("none", f"{output} / ({seconds} > 0)", decimals=0, empty="-"),
            "Tokens/call": Column("short", f"{ask.grown(ask.TOKENS, MODEL)} / {calls}", empty="-"),
            "From cache": Column(
                "percentunit", ask.share_of(ask.CACHED_TOKENS, ask.INPUT_TOKENS, MODEL), decimals=0, empty="-"
            ),
        },
        labels={MODEL: "Model"},
        links={"Model": _TO_MODEL},
        height=9,
    )


def _operations() -> tuple[PanelBuilder, ...]:
    buckets = chosen(bucket(semconv.OPERATION_DURATION))
    seconds = chosen(sum_of(semconv.OPERATION_DURATION))
    failed = ask.OPERATIONS.where(ERROR_TYPE, "!=", "")
    inside = ask.COST.where(OPERATION, "!=", semconv.NONE)
    top = {
        "Slowest operations": (
            "In the shown range, by p95.",
            {"p95": Column("s", ask.top(ask.quantile_of_range(0.95, buckets, OPERATION)), bar=True)},
            _NO_TURNS,
        ),
        "Most time spent in": (
            "Work in the shown range; a step's time is within its turn's.",
            {"Time": Column("s", ask.top(ask.grown(seconds, OPERATION)), bar=True)},
            _NO_TURNS,
        ),
        "Most expensive operations": (
            "Dollars for the calls made directly in each operation, in the shown range.",
            {"Cost": Column("currencyUSD", ask.top(f"{ask.grown(inside, OPERATION)} > 0"), bar=True, empty=_NO_PRICE)},
            _NO_CALLS,
        ),
        "Most failures": (
            "Failed operations in the shown range, and their share of the operation's runs.",
            {
                "Failed": Column("short", ask.top(f"{ask.grown(failed, OPERATION)} > 0")),
                "Of all": Column("percentunit", f"{ask.share_of(failed, ask.OPERATIONS, OPERATION)} > 0", decimals=1),
            },
            NOTHING_FAILED,
        ),
    }
    return tuple(
        ranking(
            title,
            description,
            values,
            labels={OPERATION: "Operation"},
            links={"Operation": _TO_OPERATION},
            empty=empty,
        )
        for title, (description, values, empty) in top.items()
    )


def _input_and_alerts() -> tuple[PanelBuilder, ...]:
    return (
        lines(
            "Where tokens come from",
            "Tokens a minute in five disjoint buckets whose sum is billed; the green part is charged at the cache's "
            "price.",
            "short",
            Query(ask.per_minute(ask.TOKENS, BUCKET), f"{{{{{BUCKET}}}}}"),
            stacked=True,
            by_name=BY_BUCKET,
        ),
        lines(
            "Which alerts fired",
            "One step for each firing alert; needs the recording and alert rules in Prometheus.",
            "short",
            Query(by(("severity", "alertname"), FIRING, "count"), "{{severity}}: {{alertname}}"),
            stacked=True,
            empty="no alert fired, or rules not installed",
        ),
    )


def _alerts() -> PanelBuilder:
    return rows(
        "Firing now",
        "Alerts that fire now; a click leads to the runbook.",
        {"Firing": Column("short", by(("alertname", "severity", "job"), FIRING, "count"))},
        labels={"alertname": "Alert", "severity": "Severity", "job": "Job"},
        links={"Alert": Link("Runbook", f"{objectives.RUNBOOKS}${{__data.fields.Alert}}")},
        empty="no alert fires, or rules not installed",
        height=6,
    )


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid=OVERVIEW,
        title="HydroChat / Overview",
        description="How turns fare, what they cost, what fails.",
        rows=(Row("", (*_tiles(), *_turns_and_money(), _models(), *_operations(), *_input_and_alerts(), _alerts())),),
        variables=(*processes(), turn(), model(), operation()),
    )
