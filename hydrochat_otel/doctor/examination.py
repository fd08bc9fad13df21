"""The whole examination: of the set-up here, or of a running service."""

from collections.abc import Mapping

from hydrochat_otel.doctor import (
    access,
    environment,
    findings,
    hooks,
    price_book,
    process,
    service,
    shared_state,
    shipped_files,
    versions,
)
from hydrochat_otel.doctor.findings import Finding, Subject
from hydrochat_otel.settings import Settings, SettingsError


def of_setup(environ: Mapping[str, str], *, calls: bool = True) -> list[Finding]:
    """Examine what a service would find that starts in this environment; under Django, with its settings.

    Args:
        environ: The environment, by default of this process.
        calls: Whether to make synthetic calls, which take some seconds.
    """
    reports = {hooks.REPORT: hooks.measure(environ)} if calls else {}
    checks = (
        versions.versions,
        versions.other_telemetry,
        *environment.CHECKS,
        *access.CHECKS,
        *shared_state.CHECKS,
        *price_book.CHECKS,
        *shipped_files.CHECKS,
        *hooks.CHECKS,
    )
    return findings.run(checks, _subject(environ, reports))


def of_service(environ: Mapping[str, str], url: str, token: str | None) -> list[Finding]:
    """Examine the service that answers at an address."""
    return findings.run(service.CHECKS, _subject(environ, {service.REPORT: service.look(url, token)}))


def of_command(environ: Mapping[str, str], command: list[str]) -> list[Finding]:
    """Start a command as ``hydrochat-otel run`` does, and examine the process that it becomes."""
    return findings.run(process.CHECKS, _subject(environ, {process.REPORT: process.start(environ, command)}))


def _subject(environ: Mapping[str, str], reports: Mapping[str, object]) -> Subject:
    try:
        return Subject(environ, Settings.load(environ), "", reports)
    except SettingsError as error:
        return Subject(environ, None, str(error), reports)
