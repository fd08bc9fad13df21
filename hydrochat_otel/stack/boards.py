"""A dashboard: its rows, panels, variables, annotations and links, and its JSON."""

import json
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from hydrochat_otel import semconv
from hydrochat_otel.stack.look import BLUE, RED, SOURCE
from hydrochat_otel.stack.panels import PanelBuilder
from hydrochat_otel.stack.promql import gauge
from hydrochat_otel.stack.variables import Variable, of_job

TAG: Final = "hydrochat"

OVERVIEW: Final = "hydrochat-overview"
MONEY: Final = "hydrochat-money"
LATENCY: Final = "hydrochat-latency"
TELEMETRY: Final = "hydrochat-telemetry"

FIRING: Final = 'ALERTS{alertname=~"Hydrochat.+",alertstate="firing",job=~"$job|"}'
"""Our firing alerts; the series of a rule without a job is included."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading; without a title there is no heading."""

    title: str
    panels: tuple[PanelBuilder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard; `uid` is its address in Grafana and the name of its file."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]
    periods: tuple[tuple[str, str], ...] = ()
    """Links to the board itself over another time range: the title, and `from` and `to` in Grafana's notation."""

    def render(self) -> str:
        """Return the dashboard's JSON."""
        built = self._builder().build()
        document: dict[str, Any] = json.loads(JSONEncoder().encode(built))
        for number, panel in enumerate(document["panels"], start=1):
            panel["id"] = number
        document["annotations"] = {"list": _annotations()}
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
            .editable()
            .link(others)
            .variables(list(self.variables))
        )
        for title, time_range in self.periods:
            link = dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(f"/d/{self.uid}?{time_range}")
            builder = builder.link(link.include_vars(True))
        for row in self.rows:
            if row.title:
                builder = builder.with_row(dashboard.Row(row.title))
            for panel in row.panels:
                builder = builder.with_panel(panel)
        return builder


def _annotations() -> list[dict[str, Any]]:
    """Return the annotations of every chart: alerts that page, and process starts."""
    source = {"type": SOURCE.type_val, "uid": SOURCE.uid}
    paging = FIRING.replace("{", '{severity="critical",')
    restarted = f"changes({of_job(gauge(semconv.PROCESS_START))}[1m]) > 0"
    return [
        {
            "name": "Alerts that page",
            "enable": True,
            "datasource": source,
            "expr": paging,
            "iconColor": RED,
            "titleFormat": "{{alertname}}",
        },
        {
            "name": "Restarts and deploys",
            "enable": True,
            "datasource": source,
            "expr": restarted,
            "iconColor": BLUE,
            "titleFormat": "{{instance}} started",
        },
    ]
