"""Alerts on money: budgets, the forecast, growth of spend, and what the sums miss."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import objectives
from hydrochat_otel.stack.alerts_calls import JOB_NAME, MODEL_NAME, NUMBER, RATIO
from hydrochat_otel.stack.boards import MONEY
from hydrochat_otel.stack.promql import BUCKET, JOB, PERIOD, by, grew, ratio, total
from hydrochat_otel.stack.recordings import (
    BY_MODEL,
    CALLS_1H,
    COST_1H,
    FORECAST_RATIO,
    SPENT_RATIO,
    UNRECONCILED_1H,
)
from hydrochat_otel.stack.rule_files import Alert, Group, Severity, joined

_SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
"""By share of the budget, the lowest first."""


def _budget(position: int) -> Alert:
    """Return the alert of one share of the budget; only that of the highest share fires."""
    low, *rest = objectives.BUDGET_RATIOS[position:]
    below = f" < {rest[0]:g}" if rest else ""
    return Alert(
        name="HydrochatBudget",
        expression=f"{SPENT_RATIO} >= {low:g}{below}",
        severity=_SEVERITIES[position],
        summary=f"{JOB_NAME} has spent {RATIO} of its budget for this {{{{ $labels.{PERIOD} }}}} on Gemini",
        description=f"At least {low:.0%} of the dollars for this day or this month are spent. HYDROCHAT_BUDGET_USD is "
        "the budget of a day; the month's is this times the number of days in the month.",
        runbook="1. Dashboard Money, table Operation and model: which operation, which model?\n"
        "2. Much input: longer histories, or a cache that is no longer hit. Much thinking: set a thinking budget.\n"
        "3. Traffic that is real: raise HYDROCHAT_BUDGET_USD.\n"
        "4. Spend that falls at a restart, or differs by instance, is not shared: set HYDROCHAT_STATE.",
        board=MONEY,
    )


def _pace() -> tuple[Alert, ...]:
    inputs = total(semconv.LLM_TOKENS).where(BUCKET, "=~", "|".join(semconv.INPUT_BUCKETS))
    cached = total(semconv.LLM_TOKENS).where(BUCKET, "=", "input_cached")

    def cache_share(offset: str) -> str:
        part, whole = (by(BY_MODEL, f"increase({one}[6h]{offset})") for one in (cached, inputs))
        return ratio(part, whole)

    return (
        Alert(
            name="HydrochatBudgetForecast",
            expression=joined((JOB,), f"{FORECAST_RATIO} > 1", "unless", f'{SPENT_RATIO}{{{PERIOD}="month"}} >= 1'),
            lasting="1h",
            severity="warning",
            summary=f"{JOB_NAME} is on its way to {RATIO} of the month's budget",
            description="Month to date plus the pace of the last seven days exceed the month's budget. The export and "
            "the page say on which day it will be spent.",
            runbook="1. Dashboard Money, panel Month to date: since when does the forecast exceed the budget?\n"
            "2. The table Operation and model shows what became more expensive.\n"
            "3. Raise HYDROCHAT_BUDGET_USD, or lower the load before the day that the page names.",
            board=MONEY,
        ),
        Alert(
            name="HydrochatSpendGrows",
            expression=joined(
                (JOB,),
                f"{COST_1H} > {objectives.SPEND_GROWTH:g} * ({COST_1H} offset 7d > 0)",
                "and",
                f"{COST_1H} >= {objectives.MIN_SPEND_USD:g}",
            ),
            lasting="15m",
            severity="warning",
            summary=f'{JOB_NAME} spends {{{{ $value | printf "$%.2f" }}}} an hour on Gemini',
            description=f"More than {objectives.SPEND_GROWTH:g} times the same hour of the week before, and at least "
            f"${objectives.MIN_SPEND_USD:g}.",
            runbook="1. Dashboard Money, panel Cost per hour by operation: which one grew?\n"
            "2. More turns, or more expensive turns (tile Per turn)?\n"
            "3. What was deployed? The blue lines in the panels are restarts.",
            board=MONEY,
        ),
        Alert(
            name="HydrochatCacheShareFalls",
            expression=joined(
                BY_MODEL,
                f"{cache_share('')} < {objectives.CACHE_DROP:g} * ({cache_share(' offset 1d')} > 0.1)",
                "and",
                f"{by(BY_MODEL, CALLS_1H)} >= {objectives.PAGING_CALLS}",
            ),
            lasting="30m",
            severity="warning",
            summary=f"Only {RATIO} of the input of {MODEL_NAME} comes from a cache ({JOB_NAME})",
            description=f"Less than {objectives.CACHE_DROP:.0%} of yesterday's share: fresh input costs several times "
            "as much.",
            runbook="1. Dashboard Money, panel Fresh and cached input: since when?\n"
            "2. Did the beginning of the prompts change? A cache is hit by equal beginnings only.\n"
            "3. Did an explicit cache expire?",
            board=MONEY,
        ),
    )


def _missing() -> tuple[Alert, ...]:
    return (
        Alert(
            name="HydrochatUnpricedTokens",
            expression=f"{by(BY_MODEL, grew(total(semconv.LLM_UNPRICED_TOKENS), '1h'))} > 0",
            severity="warning",
            summary=f"{NUMBER} tokens of {MODEL_NAME} have no price ({JOB_NAME})",
            description="No price is known for tokens that were used within the last hour. They are missing from every "
            "cost.",
            runbook="1. Is the model new, or its name misspelt? `hydrochat-otel doctor` lists models without a price.\n"
            "2. New: upgrade genai-prices, or state the price in the file that HYDROCHAT_PRICES names.\n"
            "3. Past tokens stay unpriced: add them by hand where the sum matters.",
            board=MONEY,
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
            summary=f"{RATIO} of the calls to {MODEL_NAME} have no usage record that balances ({JOB_NAME})",
            description=f"At least {objectives.MIN_UNRECONCILED} calls within an hour, and more than "
            f"{objectives.UNRECONCILED_RATIO:.0%} of all, had a usage record that is missing or whose parts do not add "
            "up. Their tokens and cost may be too low.",
            runbook="1. All calls of one model: the API has changed what it reports; compare with the bill by "
            "`hydrochat-otel reconcile` and report it.\n"
            "2. Some calls of all models: are connections cut before the last chunk?",
            board=MONEY,
        ),
        Alert(
            name="HydrochatIncompleteCalls",
            expression=f"{by(BY_MODEL, grew(total(semconv.LLM_INCOMPLETE_CALLS), '1h'))} "
            f">= {objectives.MIN_UNRECONCILED}",
            severity="info",
            summary=f"{NUMBER} streams of {MODEL_NAME} were left before their end ({JOB_NAME})",
            description="Callers stopped reading streams within the last hour. Gemini may charge what it still "
            "produced; only a lower bound of these tokens is known.",
            runbook="1. Do users close the page while an answer is written? Then this is normal.\n"
            "2. Compare with the bill: `hydrochat-otel reconcile FILE` shows the size of the difference.\n"
            "3. Read streams to their end where the usage matters.",
            board=MONEY,
        ),
    )


def group() -> Group:
    """Return the alerts."""
    budgets = tuple(_budget(position) for position in range(len(objectives.BUDGET_RATIOS)))
    return Group("hydrochat-money-alerts", "30s", (*budgets, *_pace(), *_missing()))
