"""The look of panels: colours by meaning, thresholds with a neutral base, and the text of an empty panel."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId, Threshold, ThresholdsMode

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")

NO_DATA: Final = "no data"
NOTHING_FAILED: Final = "nothing failed"
NO_BUDGET: Final = "no budget set (HYDROCHAT_BUDGET_USD)"
NO_RULES: Final = "rules not installed"

GREEN: Final = "green"
AMBER: Final = "#EAB839"
ORANGE: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
PURPLE: Final = "purple"
GREY: Final = "#8e8e8e"
NEUTRAL: Final = "text"

BY_OUTCOME: Final = {"ok": GREEN, "error": RED, "blocked": PURPLE, "cancelled": GREY}
BY_STATUS: Final = {"2xx": GREEN, "4xx": AMBER, "429": ORANGE, "5xx": RED}
BY_BUCKET: Final = {
    "input_fresh": BLUE,
    "input_cached": GREEN,
    "input_tool": "semi-dark-blue",
    "output_answer": ORANGE,
    "output_thinking": PURPLE,
}
BY_QUANTILE: Final = {"p50": GREEN, "p95": AMBER, "p99": RED}


@dataclass(frozen=True, slots=True)
class Limits:
    """Values from which a number turns amber and red; with `good_above` it is green from `red` on instead.

    Without data a panel keeps the neutral base colour: missing data is neither good nor bad.
    """

    amber: float | None = None
    red: float | None = None
    good_above: bool = False

    def steps(self) -> list[Threshold]:
        """Return Grafana's steps, from minus infinity up; the first real colour begins at 0."""
        low, high = (RED, GREEN) if self.good_above else (GREEN, RED)
        steps = [Threshold(None, NEUTRAL), Threshold(0, low), Threshold(self.amber, AMBER), Threshold(self.red, high)]
        return [steps[0], *(step for step in steps[1:] if step.value is not None)]

    def marks(self) -> list[Threshold]:
        """Return the steps that a chart draws as lines: the limits themselves."""
        return [step for step in self.steps() if step.value != 0]


NO_LIMITS: Final = Limits()


def thresholds(limits: Limits) -> dashboard_builders.ThresholdsConfig:
    """Return the thresholds of a field: neutral without a value, blue where a value is neither good nor bad."""
    return absolute([Threshold(None, NEUTRAL), Threshold(0, BLUE)] if limits == NO_LIMITS else limits.steps())


def absolute(steps: list[Threshold]) -> dashboard_builders.ThresholdsConfig:
    """Return thresholds in the unit of the field."""
    return dashboard_builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def colours(mode: FieldColorModeId) -> dashboard_builders.FieldColor:
    """Return a colour scheme."""
    return dashboard_builders.FieldColor().mode(mode)


def fixed(colour: str) -> DynamicConfigValue:
    """Return the override that gives a series its own colour."""
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


@dataclass(frozen=True, slots=True)
class Link:
    """A link from a panel's values; `url` may use Grafana's variables."""

    title: str
    url: str

    def as_override(self) -> DynamicConfigValue:
        """Return the override that adds it to a field."""
        return DynamicConfigValue("links", [{"title": self.title, "url": self.url}])


def to_board(uid: str, **variables: str) -> str:
    """Return the address of one of our boards, with the shown time range and the variables set."""
    chosen = "".join(f"&var-{name}={value}" for name, value in {"job": "$job", **variables}.items())
    return f"/d/{uid}?${{__url_time_range}}{chosen}"
