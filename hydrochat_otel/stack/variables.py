"""The dashboards' variables, and the selectors that they narrow down."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import VariableModel, VariableOption, VariableRefresh, VariableSort

from hydrochat_otel import semconv
from hydrochat_otel.stack.panels import SOURCE
from hydrochat_otel.stack.promql import INSTANCE, JOB, MODEL, OPERATION, Series, count, gauge, total

RANGE: Final = "$__range"
RATE_INTERVAL: Final = "$__rate_interval"
TURN: Final = "$turn"
INTENT: Final = "$intent"

_ALL: Final = VariableOption(selected=True, text=["All"], value=["$__all"])


def chosen(series: Series) -> Series:
    """Return the series of the chosen jobs and instances, models and operations, as far as it has these labels."""
    return series.scoped(**{JOB: "$job", INSTANCE: "$instance", MODEL: "$model", OPERATION: "$operation"})


def of_operation(series: Series, pattern: str) -> Series:
    """Return the series of the chosen processes and of the operations that match."""
    return series.scoped(**{JOB: "$job", INSTANCE: "$instance"}).where(OPERATION, "=~", pattern)


def variables() -> list[Builder[VariableModel]]:
    """Return what every dashboard can be narrowed down by."""
    of_job = gauge(semconv.RETENTION_ENTRIES).scoped(**{JOB: "$job"})
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _query("job", "Job", gauge(semconv.RETENTION_ENTRIES), JOB),
        _query("instance", "Instance", of_job, INSTANCE),
        _query("model", "Model", total(semconv.LLM_CALLS).scoped(**{JOB: "$job"}), MODEL),
        _query("operation", "Operation", count(semconv.OPERATION_DURATION).scoped(**{JOB: "$job"}), OPERATION),
    ]


def turn_variable() -> Builder[VariableModel]:
    """Return which operations count as one turn of a conversation."""
    return _pattern("turn", "Turn", "Operations that are one turn of a conversation (regular expression)", ".*turn")


def intent_variable() -> Builder[VariableModel]:
    """Return which operations recognise an intent."""
    return _pattern("intent", "Intent", "Operations that recognise an intent (regular expression)", "classify_intent.*")


def _query(name: str, title: str, series: Series, label: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .datasource(SOURCE)
        .query({"qryType": 1, "query": f"label_values({series}, {label})", "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(_ALL)
    )


def _pattern(name: str, title: str, description: str, value: str) -> dashboard.TextBoxVariable:
    option = VariableOption(selected=True, text=value, value=value)
    return (
        dashboard.TextBoxVariable(name)
        .label(title)
        .description(description)
        .default_value(value)
        .current(option)
        .options([option])
    )
