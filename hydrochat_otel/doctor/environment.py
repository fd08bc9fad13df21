"""Checks of the environment: settings, exporters, the service's name, workers, clock and time zone."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from hydrochat_otel.doctor.findings import Finding, Level, Subject
from hydrochat_otel.pipeline import unknown_settings
from hydrochat_otel.pipeline.unknown_settings import PREFIX

_WORKERS: Final = ("WEB_CONCURRENCY", "UVICORN_WORKERS", "GUNICORN_WORKERS")
_BEFORE: Final = datetime(2025, 1, 1, tzinfo=UTC)
_AFTER: Final = datetime(2100, 1, 1, tzinfo=UTC)


def settings(subject: Subject) -> Iterator[Finding]:
    """Report settings that are invalid or unknown."""
    if subject.settings is None:
        yield Finding("settings", Level.PROBLEM, subject.settings_error, "Correct the setting, or remove it.")
        return
    ours = [name for name in subject.environ if name.startswith(PREFIX)]
    unknown = unknown_settings.unknown(subject.environ)
    for name, nearest in unknown.items():
        cure = f"Did you mean {nearest}?" if nearest else "Remove it."
        yield Finding("settings", Level.WARNING, f"{name} is not a setting of hydrochat_otel and has no effect.", cure)
    if not unknown:
        yield Finding("settings", Level.OK, f"All settings are valid; {len(ours)} HYDROCHAT_ variables are set.")


def sdk_switch(subject: Subject) -> Iterator[Finding]:
    """Report when OpenTelemetry is switched off as a whole."""
    if subject.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding(
            "sdk-switch",
            Level.PROBLEM,
            "OTEL_SDK_DISABLED=true switches all telemetry off: nothing is measured and no port is opened.",
            "Unset OTEL_SDK_DISABLED.",
        )
    else:
        yield Finding("sdk-switch", Level.OK, "OpenTelemetry is switched on.")


def exporters(subject: Subject) -> Iterator[Finding]:
    """Report where the metrics go: to scrapers, to a collector, or to both, which counts everything twice."""
    value = subject.environ.get("OTEL_METRICS_EXPORTER", "")
    names = {name.strip().lower() for name in value.split(",")} - {"", "none", "console"}
    serve = "auto" if subject.settings is None else subject.settings.serve
    others = sorted(names - {"hydrochat"})
    if others and ("hydrochat" in names or serve == "always"):
        yield Finding(
            "exporters",
            Level.WARNING,
            f"The metrics are scraped here and also go to {', '.join(others)}: one Prometheus that gets both counts "
            "everything twice.",
            "Keep one of the two: OTEL_METRICS_EXPORTER=hydrochat for scraping, or HYDROCHAT_SERVE=never for pushing.",
        )
    elif others and serve == "auto":
        yield Finding(
            "exporters",
            Level.WARNING,
            f"OTEL_METRICS_EXPORTER={value} sends the metrics elsewhere: page, export and /metrics have no port.",
            "Add hydrochat to OTEL_METRICS_EXPORTER, or set HYDROCHAT_SERVE to always, or to never if intended.",
        )
    else:
        yield Finding("exporters", Level.OK, "The metrics go one way only.")


def service_name(subject: Subject) -> Iterator[Finding]:
    """Report when the service has no name, which keeps services apart."""
    named = subject.environ.get("OTEL_SERVICE_NAME") or "service.name=" in subject.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    shared = subject.settings is not None and subject.settings.state not in {"auto", "memory"}
    if named:
        yield Finding("service-name", Level.OK, "The service has a name.")
    else:
        yield Finding(
            "service-name",
            Level.WARNING if shared else Level.NOTE,
            "The service has no name: services without one are mixed up in a shared state or a dashboard.",
            "Set OTEL_SERVICE_NAME.",
        )


def workers(subject: Subject) -> Iterator[Finding]:
    """Report when several workers would each answer with numbers of their own."""
    count = next((subject.environ[name] for name in _WORKERS if subject.environ.get(name)), "1")
    several = count.isdecimal() and int(count) > 1
    if several and subject.settings is not None and subject.settings.state == "memory":
        yield Finding(
            "workers",
            Level.PROBLEM,
            f"{count} workers without shared state: each scrape sees the numbers of one of them.",
            "Leave HYDROCHAT_STATE at auto, or set it to sqlite:///path or to a Redis.",
        )
    else:
        yield Finding("workers", Level.OK, f"{count} worker(s), and the state fits them.")


def clock(subject: Subject) -> Iterator[Finding]:
    """Report when the wall clock cannot be right, and when the time zone of the budget is unknown here."""
    now = datetime.fromtimestamp(time.time(), UTC)
    if not _BEFORE < now < _AFTER:
        yield Finding("clock", Level.PROBLEM, f"The clock says {now:%Y-%m-%d}.", "Set the clock, for instance by NTP.")
        return
    zone = "UTC" if subject.settings is None else subject.settings.budget_timezone
    shown = now if zone == "UTC" else now.astimezone(ZoneInfo(zone))
    yield Finding("clock", Level.OK, f"It is {shown:%Y-%m-%d %H:%M} in {zone}, where the days of the budget end.")


CHECKS: Final = (settings, sdk_switch, exporters, service_name, workers, clock)
