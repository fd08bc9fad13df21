"""Every generated asset with the text that the code makes for it."""

from typing import Final

from hydrochat_otel.stack import alert_rules, latency, money, overview, recordings, registry, rule_files, telemetry

_MADE_BY: Final = (
    "Made by `python -m hydrochat_otel.stack` from the declared metrics, to be changed there in a checkout."
)
_RECORDINGS: Final = f"""{_MADE_BY}
Recording rules of HydroChat. `grew` in a name: by how much counters grew in the window, where the first value of a
series that appeared later than its process counts as growth, so that single events of a quiet service are seen.
The budget in dollars is the application's: HYDROCHAT_BUDGET_USD."""
_ALERTS: Final = f"""{_MADE_BY}
Alerts of HydroChat. They need hydrochat.recording.yml beside them."""


def files() -> dict[str, str]:
    """Return the text of each file by its path below the assets."""
    boards = (module.board() for module in (overview, money, latency, telemetry))
    return {
        "rules/hydrochat.recording.yml": rule_files.render(_RECORDINGS, recordings.groups()),
        "rules/hydrochat.alerts.yml": rule_files.render(_ALERTS, alert_rules.groups()),
        "registry/manifest.yaml": registry.manifest(_MADE_BY),
        "registry/hydrochat.yaml": registry.definitions(_MADE_BY),
        **{f"dashboards/{board.uid}.json": board.render() for board in boards},
    }
