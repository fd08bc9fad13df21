"""The documentation's table of metrics, made from the declarations."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.stack.promql import label
from hydrochat_otel.views.prometheus.naming import family_name

BEGIN: Final = "<!-- metrics -->"
END: Final = "<!-- /metrics -->"

_HEAD: Final = "| metric | in Prometheus | kind | labels | meaning |\n|---|---|---|---|---|\n"
_COUNTERS: Final = {"counter", "observable_counter"}


def render() -> str:
    """Return the table in Markdown, one line for each metric in the order of the declarations."""
    return _HEAD + "".join(_line(spec) for spec in semconv.METRICS)


def inserted(document: str) -> str:
    """Return the document with the table between its two markers.

    Raises:
        ValueError: A marker is missing, or occurs twice.
    """
    before, found, rest = document.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed) or BEGIN in after or END in after:
        raise ValueError(f"The document needs {BEGIN} and {END}, once each and in this order.")
    return f"{before}{BEGIN}\n{render()}{END}{after}"


def _line(spec: MetricSpec) -> str:
    is_counter = spec.kind in _COUNTERS
    name, _ = family_name(spec.name, spec.unit, is_counter=is_counter)
    kind = "counter" if is_counter else spec.kind
    labels = ", ".join(f"`{label(one)}`" for one in spec.attributes)
    return f"| `{spec.name}` | `{name}{'_total' if is_counter else ''}` | {kind} | {labels} | {spec.description} |\n"
