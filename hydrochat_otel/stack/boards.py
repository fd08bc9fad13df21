"""The four dashboards: their rows, panels, variables and links, and their JSON."""

import json
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, VariableModel

from hydrochat_otel.stack.panels import PanelBuilder

TAG: Final = "hydrochat"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[PanelBuilder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard; `uid` is its address in Grafana and the name of its file."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Builder[VariableModel], ...]

    def render(self) -> str:
        """Return the dashboard's JSON."""
        built = self._builder().build()
        document: dict[str, Any] = json.loads(JSONEncoder().encode(built))
        for number, panel in enumerate(document["panels"], start=1):
            panel["id"] = number
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _builder(self) -> dashboard.Dashboard:
        others = (
            dashboard.DashboardLink("HydroChat")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(True)
            .keep_time(True)
            .as_dropdown(True)
        )
        builder = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .time("now-1h", "now")
            .refresh("30s")
            .readonly()
            .link(others)
            .variables(list(self.variables))
        )
        for row in self.rows:
            builder = builder.with_row(dashboard.Row(row.title))
            for panel in row.panels:
                builder = builder.with_panel(panel)
        return builder
