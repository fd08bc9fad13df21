"""Tables, sorted and totalled, and rankings, which are tables with one bar in each row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common as common_builders, table
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig as Transformation, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from hydrochat_otel.stack.look import NO_DATA, SOURCE, Limits, Link, thresholds
from hydrochat_otel.stack.panels import CHART_HEIGHT, PanelBuilder, Query, Width, reference, target_of

_WHOLE: Final = "short"
_NAME_WIDTH: Final = 180
_SHORT_NAME_WIDTH: Final = 140
_NARROW: Final = 6
_SHARE_WIDTH: Final = 150
_LEAST_WIDTH: Final = 70


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        unit: Grafana's unit of the values.
        expression: Has one series for each row.
        bar: Whether a bar is drawn, as long as the value is of the largest.
        share: Whether a bar from 0 to 1 is drawn.
        limits: Colour of the cell's background; None leaves it.
        empty: The text of a cell without a value, for instance "no price".
        decimals: Digits after the point; None leaves them to Grafana.
        total: Whether the footer adds the column up.
    """

    unit: str
    expression: str
    bar: bool = False
    share: bool = False
    limits: Limits | None = None
    empty: str = NO_DATA
    decimals: int | None = None
    total: bool = False

    def overrides(self) -> list[DynamicConfigValue]:
        """Return the column's overrides."""
        values = [DynamicConfigValue("unit", self.unit), DynamicConfigValue("noValue", self.empty)]
        digits = 0 if self.decimals is None and self.unit == _WHOLE else self.decimals
        if digits is not None:
            values.append(DynamicConfigValue("decimals", digits))
        if self.bar or self.share:
            values += [
                DynamicConfigValue("min", 0),
                DynamicConfigValue("color", {"mode": "continuous-BlPu"}),
                DynamicConfigValue("custom.cellOptions", {"type": "gauge", "mode": "basic"}),
            ]
        if self.share:
            values += [DynamicConfigValue("max", 1), DynamicConfigValue("custom.width", _SHARE_WIDTH)]
        if self.limits is not None:
            steps = [{"value": step.value, "color": step.color} for step in self.limits.steps()]
            steps[:2] = [{"value": None, "color": "transparent"}]
            values += [
                DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps}),
                DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
            ]
        return values


def rows(
    title: str,
    description: str,
    columns: Mapping[str, Column],
    *,
    labels: Mapping[str, str],
    sort: str | None = None,
    width: Width = 24,
    height: int = CHART_HEIGHT,
    empty: str = NO_DATA,
    links: Mapping[str, Link] | None = None,
) -> PanelBuilder:
    """Return a table: one row for each label set, one column for each query.

    Args:
        title: Of the panel.
        description: Of the panel.
        columns: By heading; all expressions have the same labels.
        labels: Heading of each label, in order.
        sort: Heading of the column whose largest value comes first; by default the first column of values.
        width: In columns of the grid.
        height: In rows of the grid.
        empty: The text of an empty table.
        links: By heading of a label or column: the target of a click on its cell.
    """
    totals = [heading for heading, column in columns.items() if column.total]
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit("short")
        .no_value(empty)
        .thresholds(thresholds(Limits()))
        .min_width(_LEAST_WIDTH)
        .cell_height(common.TableCellHeight.SM)
        .sort_by([common_builders.TableSortByFieldState().display_name(sort or next(iter(columns))).desc(True)])
    )
    if totals:
        panel = panel.footer(common_builders.TableFooterOptions().show(True).reducer(["sum"]).fields(totals))
    names = dict(labels)
    special: dict[str, list[DynamicConfigValue]] = {
        heading: [DynamicConfigValue("custom.width", _NAME_WIDTH if width > _NARROW else _SHORT_NAME_WIDTH)]
        for heading in labels.values()
    }
    for position, (heading, column) in enumerate(columns.items()):
        query = target_of(Query(column.expression), position).instant().format(PromQueryFormat.TABLE)
        value = f"Value #{reference(position)}" if len(columns) > 1 else "Value"
        names[value] = heading
        special[heading] = column.overrides()
        panel = panel.with_target(query)
    for heading, link in (links or {}).items():
        special[heading].append(link.as_override())
    for heading, values in special.items():
        panel = panel.override_by_name(heading, values)
    order: dict[str, Any] = {name: index for index, name in enumerate(names)}
    merged = Transformation(id_val="merge", options={})
    organised = Transformation(
        id_val="organize", options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}
    )
    return panel.transformations([merged, organised])


def ranking(
    title: str,
    description: str,
    values: Mapping[str, Column],
    *,
    labels: Mapping[str, str],
    empty: str = NO_DATA,
    links: Mapping[str, Link] | None = None,
) -> PanelBuilder:
    """Return a narrow table with the largest values first; the queries limit it to a few rows."""
    return rows(title, description, values, labels=labels, width=6, empty=empty, links=links)
