"""Families made by hand, and their renderings."""

from hydrochat_otel.views.prometheus import Format, render
from hydrochat_otel.window.snapshot import Family, Retention, Snapshot

RETENTION = Retention(max_entries=1000, ttl_hours=24.0, current_entries=0, storage_utilization_percent=0.0)
TRACE, SPAN = "0123456789abcdef0123456789abcdef", "0123456789abcdef"


def snapshot(*metrics, **resource):
    """Return a snapshot of these families, without entries."""
    return Snapshot(0.0, resource, metrics, (), RETENTION)


def family(name, kind, *points, unit="", description="", scope="", version=""):
    """A family as a snapshot holds it."""
    return Family(name, kind, unit, description, scope, version, points)


def text(*metrics, **resource):
    """The families as Prometheus text."""
    return render(snapshot(*metrics, **resource), Format.TEXT).decode()


def openmetrics(*metrics, **resource):
    """The families as OpenMetrics."""
    return render(snapshot(*metrics, **resource), Format.OPENMETRICS).decode()
