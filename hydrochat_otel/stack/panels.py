"""Panels over time: tiles, lines, bars and heat maps, built with Grafana's own types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import (
    common as common_builders,
    dashboard as dashboard_builders,
    heatmap,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, heatmap as heatmap_models
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, FieldColorModeId, Panel
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from hydrochat_otel.stack.look import (
    NO_DATA,
    NO_LIMITS,
    SOURCE,
    Limits,
    Link,
    absolute,
    colours,
    fixed,
    thresholds,
)

PanelBuilder = Builder[Panel]
Width = Literal[3, 4, 6, 8, 12, 16, 24]

TILE_HEIGHT: Final = 5
CHART_HEIGHT: Final = 8
_LEGEND_WIDTH: Final = 300
_WIDE: Final = 12
_WHOLE: Final = frozenset({"short", "none"})
_NO_GAP_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel, and the names of its series in the legend."""

    expression: str
    legend: str = ""


def tile(
    title: str,
    description: str,
    unit: str,
    expression: str,
    *,
    limits: Limits = NO_LIMITS,
    decimals: int | None = None,
    trend: bool = True,
    running: bool = False,
    empty: str = NO_DATA,
    width: Width = 6,
    height: int = TILE_HEIGHT,
    link: Link | None = None,
) -> PanelBuilder:
    """Return one number with its trend and its change over the shown range.

    Args:
        title: Of the panel.
        description: Of the panel.
        unit: Grafana's unit of the value.
        expression: Has one series.
        limits: Colours of the value.
        decimals: Digits after the point; None leaves them to Grafana.
        trend: Whether the value at each moment is meaningful; otherwise one value of the range is shown.
        running: Whether it is a running sum, whose change over the range says nothing.
        empty: The text of an empty panel.
        width: In columns of the grid.
        height: In rows of the grid.
        link: Target of a click.
    """
    target = target_of(Query(expression, title), 0)
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(unit)
        .no_value(empty)
        .thresholds(thresholds(limits))
        .color_scheme(colours(FieldColorModeId.THRESHOLDS))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.AREA if trend else common.BigValueGraphMode.NONE)
        .show_percent_change(trend and not running)
        .percent_change_color_mode(common.PercentChangeColorMode.SAME_AS_VALUE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(target.range() if trend else target.instant())
    )
    digits = 0 if decimals is None and unit in _WHOLE else decimals
    if digits is not None:
        panel = panel.decimals(digits)
    if link is not None:
        panel = panel.links([link_of(link)])
    return panel


def mishaps(title: str, description: str, expression: str, *, limits: Limits, empty: str) -> PanelBuilder:
    """Return the number of what should not happen in the shown range, or the text that says that nothing did."""
    return tile(title, description, "short", f"{expression} > 0", limits=limits, trend=False, empty=empty)


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    limits: Limits = NO_LIMITS,
    width: Width = 12,
    stacked: bool = False,
    share: bool = False,
    exemplars: bool = False,
    by_name: Mapping[str, str] | None = None,
    soft_max: float | None = None,
    empty: str = NO_DATA,
) -> PanelBuilder:
    """Return series over time.

    Args:
        title: Of the panel.
        description: Of the panel.
        unit: Grafana's unit of the values.
        queries: Each has a legend that no series leaves blank.
        limits: Drawn as dashed lines.
        width: In columns of the grid; a wide panel has its legend as a table on the right, a narrow one as a list.
        stacked: Whether the series add up.
        share: Whether the values are shares, which end at 1.
        exemplars: Whether diamonds lead to traces.
        by_name: Colours of series that have one.
        soft_max: The axis reaches at least this far, so that an idle service does not fill it.
        empty: The text of an empty panel.
    """
    panel = _over_time(title, description, unit, width=width, by_name=by_name, empty=empty)
    panel = panel.fill_opacity(40 if stacked else 0).line_width(1 if stacked else 2)
    panel = panel.max(1) if share else panel.axis_soft_max(_soft_max(unit) if soft_max is None else soft_max)
    if limits != NO_LIMITS:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(absolute(limits.marks())).thresholds_style(style)
    if stacked:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("all"))
    for position, query in enumerate(queries):
        panel = panel.with_target(target_of(query, position).range().exemplar(exemplars))
    return panel


def bars(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: Width = 12,
    by_name: Mapping[str, str] | None = None,
    empty: str = NO_DATA,
    interval: str = "2m",
    reaches_back: str | None = None,
) -> PanelBuilder:
    """Return counts of rare events as stacked bars, one for each interval: the first event is shown.

    The queries count by ``$__interval``, which is at least `interval`: two scrapes a minute apart. `reaches_back` is a
    range of the panel's own, for instance ``30d``.
    """
    panel = (
        _over_time(title, description, unit, width=width, by_name=by_name, empty=empty)
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(70)
        .line_width(0)
        .axis_soft_max(1)
        .interval(interval)
        .stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("all"))
    )
    if reaches_back is not None:
        panel = panel.time_from(reaches_back)
    for position, query in enumerate(queries):
        panel = panel.with_target(target_of(query, position).range())
    return panel


def heat(title: str, description: str, unit: str, expression: str, *, width: Width = 24) -> PanelBuilder:
    """Return a heat map of a histogram's buckets over time, with its exemplars."""
    target = target_of(Query(expression, "{{le}}"), 0).range().exemplar(True).format(PromQueryFormat.HEATMAP)
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(CHART_HEIGHT + 1)
        .unit("short")
        .no_value(NO_DATA)
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


def link_of(link: Link) -> dashboard_builders.DashboardLink:
    """Return a link in Grafana's type."""
    return dashboard_builders.DashboardLink(link.title).type(DashboardLinkType.LINK).url(link.url)


def target_of(query: Query, position: int) -> prometheus.Dataquery:
    """Return one query of a panel; the first is A."""
    return (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(query.expression)
        .legend_format(query.legend or "__auto")
        .ref_id(reference(position))
    )


def reference(position: int) -> str:
    """Return the letter of a query."""
    return chr(ord("A") + position)


def _over_time(
    title: str, description: str, unit: str, *, width: Width, by_name: Mapping[str, str] | None, empty: str
) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(CHART_HEIGHT)
        .unit(unit)
        .min(0)
        .no_value(empty)
        .color_scheme(colours(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .show_points(common.VisibilityMode.NEVER)
        .span_nulls(_NO_GAP_MS)
        .legend(_legend(width))
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
            .hide_zeros(True)
        )
    )
    if unit in _WHOLE:
        panel = panel.decimals(0)
    for name, colour in (by_name or {}).items():
        panel = panel.override_by_name(name, [fixed(colour)])
    return panel


def _legend(width: Width) -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True)
    if width < _WIDE:
        return legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM).calcs([])
    return (
        legend.display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.RIGHT)
        .calcs(["lastNotNull", "max"])
        .sort_by("Last *")
        .sort_desc(True)
        .width(_LEGEND_WIDTH)
    )


def _soft_max(unit: str) -> float:
    return {"s": 0.1, "currencyUSD": 0.01, "percentunit": 0.1}.get(unit, 1)
