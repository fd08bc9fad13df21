"""Start-up of a process before its program begins: installs the pipeline and opens the endpoints."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

from hydrochat_otel.auto import NAME, deferred_start, process_role, run_messages
from hydrochat_otel.auto.process_role import Role
from hydrochat_otel.doctor import process
from hydrochat_otel.fleet.discovery import fleet_of
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures, first_use, safe_log
from hydrochat_otel.serve.port_keeper import PortKeeper
from hydrochat_otel.settings import Settings

logger: Final = logging.getLogger("hydrochat_otel")


class _Process:
    in_charge = False


_process: Final = _Process()


def pre_instrument() -> None:
    """Install the pipeline and open the port, as the role of the process demands; never raises.

    The distro and its configurator have set the providers. If the installation fails, one log line says so and the
    application starts: an exception here would stop all other instrumentations as well.
    """
    _process.in_charge = True
    _guarded(_begin_here)


def is_in_charge() -> bool:
    """Return whether auto-instrumentation started this process and therefore decides what is installed."""
    return _process.in_charge


def current_role() -> Role:
    """Return the role of this process."""
    return process_role.role(sys.orig_argv, os.environ, parent_argv=process_role.parent_command_line(sys.orig_argv))


def opens_port(role: Role, settings: Settings, environ: Mapping[str, str]) -> tuple[bool, bool]:
    """Return whether a process of the role opens the port, and whether the processes forked from it do."""
    if settings.serve != "auto":
        always = settings.serve == "always"
        return always, always
    if exporters_elsewhere(environ):
        return False, False
    return role is Role.SERVES, role is Role.FORKS


def exporters_elsewhere(environ: Mapping[str, str]) -> str:
    """Return ``OTEL_METRICS_EXPORTER`` if it sends the metrics to other exporters only, else ''."""
    value = environ.get("OTEL_METRICS_EXPORTER", "")
    names = {name.strip().lower() for name in value.split(",")} - {"", "none"}
    return value if names and NAME not in names else ""


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Return whether ``OTEL_SDK_DISABLED`` switches all telemetry off, ours included."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _begin_here() -> None:
    if is_disabled(os.environ):
        return
    role = current_role()
    if role is Role.ABSENT:
        deferred_start.put_off(lambda: _guarded(lambda: _begin(Role.SERVES)))
    else:
        _begin(role)


def _begin(role: Role) -> None:
    gemini = False if _is_switched_off(os.environ) else None
    running = pipeline.install_provisionally(instrument_gemini=gemini)
    settings = running.settings
    run_messages.close_with_summary(os.environ)
    here, in_forks = opens_port(role, settings, os.environ)
    process.report_soon(os.environ, {"role": role.value, "opens_port": here or in_forks}, in_forks=in_forks)
    if here or in_forks:
        keeper = PortKeeper(
            settings.host,
            settings.port,
            fleet=fleet_of(settings.state, running.service_name()),
            in_forks=in_forks,
            on_open=run_messages.announcer(os.environ, settings),
        )
        if here:
            keeper.start()
    elif role in {Role.SERVES, Role.FORKS} and settings.serve == "auto":
        # Only if `serve` is still auto: with never, no page is expected.
        exporters = exporters_elsewhere(os.environ)
        # The exporter prometheus listens on our default port: beside it ours would find the port taken.
        remedy = f"set it to {NAME}" if "prometheus" in exporters.lower() else f"add {NAME} to it"
        safe_log.warning(
            logger,
            "OTEL_METRICS_EXPORTER=%s sends the metrics elsewhere, so the page, the export and /metrics of "
            "hydrochat_otel have no port; %s, or set HYDROCHAT_SERVE to always or never.",
            exporters,
            remedy,
        )


def _guarded(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception as error:
        # Once only: the first tracked call must not try, and log, the same again.
        first_use.on_first_use(None)
        failures.note("auto", error, quiet=True)
        safe_log.error(logger, "%s The application starts without hydrochat_otel.", error)


def _is_switched_off(environ: Mapping[str, str]) -> bool:
    names = {name.strip() for name in environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    return not names.isdisjoint({NAME, "*"})
