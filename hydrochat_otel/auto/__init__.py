"""No code: what ``opentelemetry-instrument`` and ``hydrochat-otel run`` call before the application begins.

:mod:`program` says what kind of process it is, :mod:`port` opens the endpoints, :mod:`absence` keeps supervisors free
of us; :mod:`distro` and :mod:`instrumentor` are the other entry points, which need opentelemetry-instrumentation.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

from hydrochat_otel.auto import deferred_start, process_role
from hydrochat_otel.auto.process_role import Role
from hydrochat_otel.fleet.discovery import fleet_of
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures
from hydrochat_otel.serve.port_keeper import PortKeeper
from hydrochat_otel.settings import Settings

NAME: Final = "hydrochat"
"""Our name among distros, configurators, instrumentations and exporters."""

STOCK_DISTRO: Final = "distro"
"""Name of the distro of the package opentelemetry-distro."""

logger: Final = logging.getLogger("hydrochat_otel")


class _Process:
    in_charge = False


_process: Final = _Process()


def pre_instrument() -> None:
    """Install the pipeline and see to the port, as befits the process; never raises.

    The distro and its configurator have set the providers. What cannot be installed is logged in one sentence and the
    application starts: an exception here would take all other instrumentations with it.
    """
    _process.in_charge = True
    _guarded(_begin_here)


def is_in_charge() -> bool:
    """Return whether auto-instrumentation has started this process, so that what is to be installed is."""
    return _process.in_charge


def current_role() -> Role:
    """Return the role of this process."""
    return process_role.role(sys.orig_argv, os.environ, parent_argv=process_role.parent_command_line(sys.orig_argv))


def opens_port(role: Role, settings: Settings, environ: Mapping[str, str]) -> tuple[bool, bool]:
    """Return whether a process of the role opens the port, and whether those do that are forked from it."""
    if settings.serve != "auto":
        always = settings.serve == "always"
        return always, always
    if _pushes(environ):
        return False, False
    return role is Role.SERVES, role is Role.FORKS


def _begin_here() -> None:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    role = current_role()
    if role is Role.ABSENT:
        deferred_start.put_off(lambda: _guarded(lambda: _begin(Role.SERVES)))
    else:
        _begin(role)


def _begin(role: Role) -> None:
    gemini = False if _is_switched_off(os.environ) else None
    settings = pipeline.install_provisionally(instrument_gemini=gemini).settings
    here, in_forks = opens_port(role, settings, os.environ)
    if here or in_forks:
        keeper = PortKeeper(settings.host, settings.port, fleet=fleet_of(settings.state), in_forks=in_forks)
        if here:
            keeper.start()


def _guarded(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception as error:
        # Said once: the first call that is tracked shall not try, and tell, the same again.
        instruments.on_first_use(None)
        failures.note("auto", error, quiet=True)
        logger.error("%s The application starts without hydrochat_otel.", error)  # noqa: TRY400 - one sentence, no trace


def _pushes(environ: Mapping[str, str]) -> bool:
    """Return whether metrics go to somebody else, so that nobody is expected to fetch them."""
    named = {name.strip().lower() for name in environ.get("OTEL_METRICS_EXPORTER", "").split(",")} - {"", "none"}
    return bool(named) and "hydrochat" not in named


def _is_switched_off(environ: Mapping[str, str]) -> bool:
    names = {name.strip() for name in environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    return not names.isdisjoint({NAME, "*"})
