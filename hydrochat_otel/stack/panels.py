"""Panels: what each of ours has (source, unit, description, a word for "nothing yet"), over Grafana's own types."""

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import (
    common as common_builders,
    dashboard as dashboard_builders,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, heatmap as heatmap_models
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig as Transformation,
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PanelBuilder = Builder[Panel]

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
NOTHING_YET: Final = "none yet"

_GREEN: Final = "green"
_AMBER: Final = "#EAB839"
_RED: Final = "red"

Width = Literal[4, 6, 8, 12, 24]


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel, and how its series are named in the legend."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Values from which a number turns amber and red; with `good_above` it is green from `red` on instead."""

    amber: float | None = None
    red: float | None = None
    good_above: bool = False

    def steps(self) -> list[Threshold]:
        """Return Grafana's steps, from minus infinity up."""
        if self.good_above:
            steps = [Threshold(None, _RED), Threshold(self.amber, _AMBER), Threshold(self.red, _GREEN)]
        else:
            steps = [Threshold(None, _GREEN), Threshold(self.amber, _AMBER), Threshold(self.red, _RED)]
        return [steps[0], *(step for step in steps[1:] if step.value is not None)]


NO_LIMITS: Final = Limits()


def number(
    title: str, description: str, unit: str, expression: str, *, limits: Limits = NO_LIMITS, width: Width = 4
) -> PanelBuilder:
    """Return a panel with one number for the shown range, coloured by its limits."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(4)
        .unit(unit)
        .no_value(NOTHING_YET)
        .thresholds(_thresholds(limits))
        .color_scheme(_colours(FieldColorModeId.THRESHOLDS))
        .color_mode(common.BigValueColorMode.VALUE if limits == NO_LIMITS else common.BigValueColorMode.BACKGROUND)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(Query(expression), 0).instant())
    )


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    limits: Limits = NO_LIMITS,
    width: Width = 12,
    stacked: bool = False,
    exemplars: bool = False,
) -> PanelBuilder:
    """Return a panel with series over time; limits are drawn as dashed lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(8)
        .unit(unit)
        .min(0)
        .no_value(NOTHING_YET)
        .thresholds(_thresholds(limits))
        .color_scheme(_colours(FieldColorModeId.PALETTE_CLASSIC))
        .fill_opacity(60 if stacked else 8)
        .line_width(1)
        .show_points(common.VisibilityMode.AUTO)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if limits != NO_LIMITS:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    if stacked:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("all"))
    for position, query in enumerate(queries):
        panel = panel.with_target(_target(query, position).range().exemplar(exemplars))
    return panel


def heat(title: str, description: str, unit: str, expression: str, *, width: Width = 24) -> PanelBuilder:
    """Return a heat map of a histogram's buckets over time, with its exemplars."""
    target = _target(Query(expression, "{{le}}"), 0).range().exemplar(True).format(PromQueryFormat.HEATMAP)
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(9)
        .unit("short")
        .no_value(NOTHING_YET)
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .steps(64)
            .exponent(0.5)
        )
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(common.AxisPlacement.LEFT))
        .mode(common.TooltipDisplayMode.SINGLE)
        .show_legend()
        .with_target(target)
    )


def rows(
    title: str, description: str, columns: dict[str, tuple[str, str]], *, labels: dict[str, str], width: Width = 24
) -> PanelBuilder:
    """Return a table: one row for each label set, one column for each query.

    Args:
        title: Of the panel.
        description: Of the panel.
        columns: Unit and expression of each column by its heading; all expressions have the same labels.
        labels: Heading of each label, in order.
        width: In columns of the grid.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(9)
        .unit("short")
        .no_value(NOTHING_YET)
        .filterable(True)
        .thresholds(_thresholds(NO_LIMITS))
    )
    names = dict(labels)
    for position, (heading, (unit, expression)) in enumerate(columns.items()):
        query = _target(Query(expression), position).instant().format(PromQueryFormat.TABLE)
        value = f"Value #{_reference(position)}" if len(columns) > 1 else "Value"
        names[value] = heading
        panel = panel.with_target(query).override_by_name(heading, [DynamicConfigValue("unit", unit)])
    order = {name: index for index, name in enumerate(names)}
    merged = Transformation(id_val="merge", options={})
    organised = Transformation(
        id_val="organize", options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}
    )
    return panel.transformations([merged, organised])


def _target(query: Query, position: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(query.expression)
        .legend_format(query.legend or "__auto")
        .ref_id(_reference(position))
    )


def _reference(position: int) -> str:
    return chr(ord("A") + position)


def _thresholds(limits: Limits) -> dashboard_builders.ThresholdsConfig:
    return dashboard_builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(limits.steps())


def _colours(mode: FieldColorModeId) -> dashboard_builders.FieldColor:
    return dashboard_builders.FieldColor().mode(mode)
