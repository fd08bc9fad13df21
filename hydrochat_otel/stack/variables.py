"""The dashboards' variables, and the selectors that they restrict."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import VariableModel, VariableOption, VariableRefresh, VariableSort

from hydrochat_otel import semconv
from hydrochat_otel.stack.look import SOURCE
from hydrochat_otel.stack.promql import INSTANCE, JOB, MODEL, OPERATION, ROLE, ROOT, Series, count, gauge, total

Variable = Builder[VariableModel]

RANGE: Final = "$__range"
RATE_INTERVAL: Final = "$__rate_interval"
INTERVAL: Final = "$__interval"
GROUPING: Final = "$grouping"
ROOT_ROLE: Final = "root"

_ALL: Final = VariableOption(selected=True, text=["All"], value=["$__all"])


def chosen(series: Series) -> Series:
    """Return the series of the chosen jobs, instances, models, operations and turns, for the labels that it has."""
    return of_job(series).scoped(**{MODEL: "$model", OPERATION: "$operation", ROOT: "$turn"})


def of_job(series: Series) -> Series:
    """Return the series of the chosen jobs and instances, whatever the model or operation."""
    return series.scoped(**{JOB: "$job", INSTANCE: "$instance"})


def turns(series: Series) -> Series:
    """Return the series of the chosen root operations: those that a caller waits for."""
    return of_job(series).where(ROLE, "=", ROOT_ROLE).where(OPERATION, "=~", "$turn")


def processes() -> tuple[Variable, ...]:
    """Return the variables of every dashboard: data source, job and instance."""
    return (
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _query("job", "Job", gauge(semconv.RETENTION_ENTRIES), JOB),
        _query("instance", "Instance", gauge(semconv.RETENTION_ENTRIES).scoped(**{JOB: "$job"}), INSTANCE),
    )


def model() -> Variable:
    """Return the variable that selects models."""
    return _query("model", "Model", total(semconv.LLM_CALLS).scoped(**{JOB: "$job"}), MODEL)


def operation() -> Variable:
    """Return the variable that selects operations, steps and turns."""
    return _query("operation", "Operation", count(semconv.OPERATION_DURATION).scoped(**{JOB: "$job"}), OPERATION)


def turn() -> Variable:
    """Return the variable that selects root operations."""
    roots = count(semconv.OPERATION_DURATION).scoped(**{JOB: "$job"}).where(ROLE, "=", ROOT_ROLE)
    return _query("turn", "Turn", roots, OPERATION)


def grouping() -> Variable:
    """Return the label that money is grouped by: one of the application's dimensions, or any other."""
    return (
        dashboard.TextBoxVariable("grouping")
        .label("Group by")
        .description("A label, for instance hydrochat_dimension_tier (HYDROCHAT_COST_DIMENSIONS=tier)")
        .default_value(ROOT)
        .current(VariableOption(selected=True, text=ROOT, value=ROOT))
        .options([VariableOption(selected=True, text=ROOT, value=ROOT)])
    )


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
