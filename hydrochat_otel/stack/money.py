"""The dashboard Money: cost by operation, turn and model, savings and waste, and the budget."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import expressions as ask, objectives
from hydrochat_otel.stack.boards import LATENCY, MONEY, Board, Row
from hydrochat_otel.stack.look import AMBER, BLUE, BY_BUCKET, GREY, NO_BUDGET, PURPLE, RED, Limits, Link, to_board
from hydrochat_otel.stack.panels import PanelBuilder, Query, bars, lines, mishaps, tile
from hydrochat_otel.stack.promql import (
    BOUND,
    BUCKET,
    CHARGE,
    MODEL,
    OPERATION,
    PERIOD,
    ROOT,
    by,
    count,
    gauge,
    grew,
    ratio,
    total,
)
from hydrochat_otel.stack.tables import Column, rows
from hydrochat_otel.stack.variables import (
    GROUPING,
    INTERVAL,
    RANGE,
    chosen,
    grouping,
    model,
    of_job,
    operation,
    processes,
    turn,
    turns,
)

_BUDGET_LIMITS: Final = Limits(amber=objectives.BUDGET_RATIOS[1], red=objectives.BUDGET_RATIOS[2])
_NO_PRICE: Final = "no price"


def _of_period(spec: semconv.MetricSpec, period: str) -> str:
    """Return the dollars of the chosen jobs; never a sum over processes, each of which shows the group's."""
    return by((), by(("job",), str(gauge(spec).scoped(job="$job").where(PERIOD, "=", period)), "max"))


def _forecast(bound: str = "expected") -> str:
    return by((), by(("job",), str(gauge(semconv.LLM_FORECAST).scoped(job="$job").where(BOUND, "=", bound)), "max"))


def _tiles() -> tuple[PanelBuilder, ...]:
    day, month = (_of_period(semconv.LLM_SPEND, period) for period in ("day", "month"))
    day_budget, month_budget = (_of_period(semconv.LLM_BUDGET, period) for period in ("day", "month"))
    return (
        tile(
            "Spent today",
            "Dollars since midnight of the budget's time zone.",
            "currencyUSD",
            day,
            running=True,
        ),
        tile(
            "Of today's budget",
            "HYDROCHAT_BUDGET_USD is the budget of a day.",
            "percentunit",
            f"{day} / ({day_budget} > 0)",
            limits=_BUDGET_LIMITS,
            empty=NO_BUDGET,
            decimals=0,
            running=True,
        ),
        tile("Spent this month", "Dollars since the first of the month.", "currencyUSD", month, running=True),
        tile(
            "Month, forecast",
            "Month to date plus the pace of the last seven days by weekday.",
            "currencyUSD",
            _forecast(),
            empty="no whole day yet",
        ),
        tile(
            "Forecast of the budget",
            "The forecast by the month's budget: above 100 % the budget does not last.",
            "percentunit",
            f"{_forecast()} / ({month_budget} > 0)",
            limits=Limits(amber=0.9, red=1),
            empty="no budget or no whole day yet",
            decimals=0,
        ),
        tile(
            "Per turn",
            "Dollars for Gemini by turns, at each moment.",
            "currencyUSD",
            f"{ask.rate(ask.COST)} / ({ask.rate(ask.TURNS)} > 0)",
            empty="no turns in this range",
        ),
        tile(
            "Saved by caching",
            "Dollars an hour that cached input costs less than fresh input would.",
            "currencyUSD",
            ask.per_hour(ask.SAVINGS),
            empty="nothing came from a cache",
        ),
        tile(
            "Spent on retries",
            "Dollars an hour for the input of attempts that got no answer and were repeated; not part of the cost.",
            "currencyUSD",
            ask.per_hour(ask.RETRY_COST),
            empty="no attempt was lost",
        ),
    )


def _over_time() -> tuple[PanelBuilder, ...]:
    by_operation = f"{ask.per_hour(ask.COST, OPERATION)} > 0"
    by_label = f"3600 * sum by ({GROUPING}) (rate({ask.COST}[$__rate_interval])) > 0"
    by_grouping = f'sum by (group) (label_replace({by_label}, "group", "$1", "{GROUPING}", "(.*)"))'
    return (
        lines(
            "Cost per hour by operation",
            "Dollars an hour by the innermost operation that made the call.",
            "currencyUSD",
            Query(by_operation, f"{{{{{OPERATION}}}}}"),
            stacked=True,
        ),
        lines(
            "Cost per hour by $grouping",
            "Dollars an hour by the label that is chosen above: the turn, or a dimension of the application's own.",
            "currencyUSD",
            Query(by_grouping, "{{group}}"),
            stacked=True,
        ),
        lines(
            "Month to date",
            "Dollars since the first of the month, against the budget and the forecast of the month's end.",
            "currencyUSD",
            Query(_of_period(semconv.LLM_SPEND, "month"), "spent"),
            Query(_of_period(semconv.LLM_BUDGET, "month"), "budget"),
            Query(_forecast(), "forecast"),
            Query(_forecast("low"), "forecast, low"),
            Query(_forecast("high"), "forecast, high"),
            by_name={"spent": BLUE, "budget": RED, "forecast": AMBER, "forecast, low": GREY, "forecast, high": GREY},
        ),
        bars(
            "Dollars a day",
            "What each of the last 30 days cost, by model.",
            "currencyUSD",
            Query(f"{ask.grown(ask.COST, MODEL, window=INTERVAL)} > 0", f"{{{{{MODEL}}}}}"),
            empty="no whole day yet",
            interval="1d",
            reaches_back="30d",
        ),
    )


def _tables() -> tuple[PanelBuilder, ...]:
    pair = (OPERATION, MODEL)
    cost, calls, tokens = (ask.grown(one, *pair) for one in (ask.COST, ask.CALLS, ask.TOKENS))
    roots = by((ROOT,), grew(ask.COST, RANGE))
    root_calls = by((ROOT,), grew(ask.CALLS, RANGE))
    everything = f"scalar({ask.grown(ask.COST)} > 0)"
    how_many = _as_root(by((OPERATION,), grew(turns(count(semconv.OPERATION_DURATION)), RANGE)))
    return (
        rows(
            "Operation and model",
            "In the shown range, the highest cost first. A call outside of any tracked operation is `none`.",
            {
                "Cost": Column("currencyUSD", ask.priced(cost, calls), empty=_NO_PRICE, total=True),
                "Share": Column("percentunit", f"{cost} / {everything}", share=True),
                "Calls": Column("short", calls, total=True),
                "Per 1000 calls": Column("currencyUSD", f"1000 * {ask.priced(cost, calls)} / {calls}", empty=_NO_PRICE),
                "Tokens": Column("short", tokens, total=True),
                "From cache": Column(
                    "percentunit", ask.share_of(ask.CACHED_TOKENS, ask.INPUT_TOKENS, *pair), decimals=0, empty="-"
                ),
                "Saved": Column("currencyUSD", f"{ask.grown(ask.SAVINGS, *pair)} > 0", empty="-", total=True),
            },
            labels={OPERATION: "Operation", MODEL: "Model"},
            links={"Operation": Link("Latency", to_board(LATENCY, operation="${__data.fields.Operation}"))},
            height=10,
        ),
        rows(
            "Turns",
            "In the shown range, by root operation: all calls below it.",
            {
                "Cost": Column("currencyUSD", ask.priced(roots, root_calls), empty=_NO_PRICE, total=True),
                "Turns": Column("short", how_many, empty="-"),
                "Per 1000 turns": Column("currencyUSD", f"1000 * {roots} / ({how_many} > 0)", empty="-"),
                "Calls per turn": Column("none", f"{root_calls} / ({how_many} > 0)", decimals=1, empty="-"),
            },
            labels={ROOT: "Turn"},
            width=12,
        ),
        lines(
            "Fresh and cached input",
            "Input tokens a minute; cached input is charged at a tenth to a quarter of the price.",
            "short",
            Query(ask.per_minute(ask.INPUT_TOKENS, BUCKET), f"{{{{{BUCKET}}}}}"),
            stacked=True,
            by_name=BY_BUCKET,
        ),
    )


def _prices() -> tuple[PanelBuilder, ...]:
    def price(bucket: str) -> Column:
        series = of_job(gauge(semconv.LLM_PRICE)).scoped(**{MODEL: "$model"}).where(BUCKET, "=", bucket)
        return Column("currencyUSD", by((MODEL,), str(series), "max"), empty="-")

    titles = ("Fresh input", "Cached input", "Tool results", "Answer", "Thinking")
    return (
        rows(
            "Prices",
            "Dollars of a million text tokens, standard rate below any context tier, of each model in use; "
            "`hydrochat-otel prices` names the source.",
            {title: price(bucket) for title, bucket in zip(titles, semconv.TOKEN_BUCKETS, strict=True)},
            labels={MODEL: "Model"},
            empty="no call has a price yet",
        ),
    )


def _as_root(expression: str) -> str:
    """Return the series of operations under the label of roots, so that both can be divided."""
    return f'sum by ({ROOT}) (label_replace({expression}, "{ROOT}", "$1", "{OPERATION}", "(.*)"))'


def _missing() -> tuple[PanelBuilder, ...]:
    specs = (semconv.LLM_UNPRICED_TOKENS, semconv.LLM_UNRECONCILED_CALLS, semconv.LLM_INCOMPLETE_CALLS)
    unpriced, unreconciled, incomplete = (chosen(total(spec)) for spec in specs)
    charges = chosen(total(semconv.LLM_CHARGES))
    return (
        mishaps(
            "Unpriced tokens",
            "Tokens without a known price in the shown range: missing from every cost here.",
            ask.grown(unpriced),
            limits=Limits(red=1),
            empty="everything has a price",
        ),
        mishaps(
            "Unreconciled calls",
            "Calls whose usage record is missing or does not balance.",
            ask.grown(unreconciled),
            limits=Limits(amber=1),
            empty="every record balances",
        ),
        mishaps(
            "Incomplete calls",
            "Streams that their caller left: only a lower bound of their tokens is known.",
            ask.grown(incomplete),
            limits=Limits(amber=1),
            empty="every stream was read",
        ),
        tile(
            "Requests that repeat",
            "Share of requests to Gemini that repeated a failed one.",
            "percentunit",
            ratio(ask.grown(ask.RETRIES), ask.grown(ask.ATTEMPTS)),
            limits=Limits(amber=0.05, red=0.2),
            trend=False,
            decimals=1,
            empty="no calls in this range",
        ),
        bars(
            "What has no price or no record",
            "Tokens and calls that the numbers above do not include, by model.",
            "short",
            Query(f"{ask.grown(unpriced, MODEL, window=INTERVAL)} > 0", f"unpriced tokens: {{{{{MODEL}}}}}"),
            Query(f"{ask.grown(unreconciled, MODEL, window=INTERVAL)} > 0", f"unreconciled: {{{{{MODEL}}}}}"),
            Query(f"{ask.grown(incomplete, MODEL, window=INTERVAL)} > 0", f"incomplete: {{{{{MODEL}}}}}"),
            empty="nothing is missing",
        ),
        lines(
            "Charges beyond tokens",
            "Dollars an hour for search grounding, caching storage, images and the like.",
            "currencyUSD",
            Query(f"{ask.per_hour(charges, CHARGE)} > 0", f"{{{{{CHARGE}}}}}"),
            stacked=True,
            by_name={"grounding_search": PURPLE},
            empty="no charges beyond tokens",
        ),
    )


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid=MONEY,
        title="HydroChat / Money",
        description="Which operation, turn and model costs what, and whether the budget holds.",
        rows=(
            Row("", (*_tiles(), *_over_time(), *_tables(), *_prices())),
            Row("What the sums miss", _missing()),
        ),
        variables=(*processes(), turn(), model(), operation(), grouping()),
        periods=(("Yesterday", "from=now-1d/d&to=now-1d/d"), ("This month", "from=now/M&to=now")),
    )
