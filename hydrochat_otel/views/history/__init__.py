"""History: what happened in each step of a window of time.

From the entries of the window, or from Prometheus, which keeps weeks; both have the same shape, published as
:func:`schema`. `steps` lays out the time, `window` and `prometheus_api` fill it.
"""

from importlib.resources import files

from hydrochat_otel.views.history.prometheus_api import from_prometheus
from hydrochat_otel.views.history.steps import MAX_STEPS, Steps
from hydrochat_otel.views.history.window import from_window

__all__ = ["MAX_STEPS", "Steps", "from_prometheus", "from_window", "schema"]


def schema() -> bytes:
    """Return the JSON Schema (draft 2020-12) of a history."""
    return files("hydrochat_otel").joinpath("assets/schema/history.schema.json").read_bytes()
