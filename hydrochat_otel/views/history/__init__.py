"""History: numbers for each step of a time range.

From the entries of the window, or from Prometheus, which keeps weeks; both have the same shape, published as
:func:`schema`. `steps` divides the time, `window` and `prometheus_api` compute the rows.
"""

from importlib.resources import files

from hydrochat_otel.views.history.prometheus_api import from_prometheus
from hydrochat_otel.views.history.steps import MAX_STEPS, Steps
from hydrochat_otel.views.history.window import from_window

__all__ = ["MAX_STEPS", "Steps", "from_prometheus", "from_window", "schema"]


def schema() -> bytes:
    """Return the JSON Schema (draft 2020-12) of a history."""
    return files("hydrochat_otel").joinpath("assets/schema/history.schema.json").read_bytes()
