"""The Prometheus rendering: a snapshot as text, in the format that the scraper accepts.

`negotiation` selects the format, `naming` translates names, units and labels, `families` joins metrics of one name,
`exposition` writes the lines, `kept_bodies` keeps them while nothing changes.

Spec: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from hydrochat_otel.views.prometheus.exposition import render
from hydrochat_otel.views.prometheus.kept_bodies import KeptBodies
from hydrochat_otel.views.prometheus.negotiation import Format, negotiate

__all__ = ["Format", "KeptBodies", "negotiate", "render"]
