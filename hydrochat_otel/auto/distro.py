"""The distro: defaults that work with what is installed, and a configurator that never breaks the application."""

import logging
import os
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # its module has no types
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util._importlib_metadata import entry_points

from hydrochat_otel.auto import NAME, STOCK_DISTRO, deferred_start, start
from hydrochat_otel.auto.process_role import Role
from hydrochat_otel.runtime import failures, safe_log
from hydrochat_otel.sdk import redaction
from hydrochat_otel.sdk.providers import DISTRO

logger: Final = logging.getLogger("hydrochat_otel")

_PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_SIGNALS: Final = ("traces", "metrics", "logs")


class HydroChatDistro(BaseDistro):  # type: ignore[misc] # see its import
    """Metrics stay here, spans go to a collector if one is configured, and a missing exporter aborts nothing."""

    def _configure(self, **_: Any) -> None:
        try:
            set_defaults(os.environ)
            _choose_configurator(os.environ)
        except Exception as error:
            failures.note("auto.distro", error)


class HydroChatConfigurator(_OTelSDKConfigurator):
    """The SDK's own configurator, deferred in a process that must have no providers, and never raising."""

    def _configure(self, **kwargs: Any) -> None:
        if start.current_role() is Role.ABSENT:
            deferred_start.put_off(lambda: self._configure_now(**kwargs))
        else:
            self._configure_now(**kwargs)

    def _configure_now(self, **kwargs: Any) -> None:
        try:
            if not os.environ.get("OTEL_CONFIG_FILE"):
                kwargs["resource_attributes"] = {**DISTRO, **(kwargs.get("resource_attributes") or {})}
            super()._configure(**kwargs)  # type: ignore[no-untyped-call] # the SDK gives it no types
            _redact(os.environ)
        except Exception as error:
            failures.note("auto.configurator", error, quiet=True)
            safe_log.error(
                logger,
                "OpenTelemetry exports nothing from this process (%s); what hydrochat_otel keeps is not affected.",
                error,
            )


def _redact(environ: Mapping[str, str]) -> None:
    """Make the exporters redact other libraries' spans, unless a setting says otherwise."""
    provider = trace.get_tracer_provider()
    # Read without the other settings: a mistake in one of them must not let spans leave unredacted.
    switch = environ.get("HYDROCHAT_REDACT_SPANS", "").strip().lower()
    if switch != "never" and isinstance(provider, TracerProvider):
        redaction.redact(provider)


def set_defaults(environ: MutableMapping[str, str]) -> None:
    """Fill in what the user left open, and remove exporters that are not installed, with one log line each."""
    if environ.get("OTEL_CONFIG_FILE"):
        return
    installed = [protocol for protocol, name in _PROTOCOLS.items() if _is_installed("traces", name)]
    if len(installed) == 1:
        environ.setdefault("OTEL_EXPORTER_OTLP_PROTOCOL", installed[0])
    # The stock distro exports to a collector at the usual address without any setting; its users expect that.
    is_stock = bool(entry_points(group="opentelemetry_distro", name=STOCK_DISTRO))
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    environ.setdefault("OTEL_TRACES_EXPORTER", "otlp" if installed and (endpoint or is_stock) else "none")
    environ.setdefault("OTEL_METRICS_EXPORTER", NAME)
    environ.setdefault("OTEL_LOGS_EXPORTER", "otlp" if installed and is_stock else "none")
    for signal in _SIGNALS:
        _take_out_missing(signal, environ)


def _take_out_missing(signal: str, environ: MutableMapping[str, str]) -> None:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in environ[variable].split(",")]
    found = [name for name in names if name in {"", "none"} or _is_installed(signal, _component(name, signal, environ))]
    if found != names:
        missing = ", ".join(name for name in names if name not in found)
        environ[variable] = ",".join(found) or "none"
        safe_log.warning(
            logger, "%s names %s, which is not installed here: it receives no %s.", variable, missing, signal
        )


def _component(name: str, signal: str, environ: MutableMapping[str, str]) -> str:
    """Return the name under which the SDK looks an exporter up."""
    if name != "otlp":
        return name
    protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    return _PROTOCOLS.get((protocol or "grpc").strip(), name)


def _is_installed(signal: str, name: str) -> bool:
    return bool(entry_points(group=f"opentelemetry_{signal}_exporter", name=name))


def _choose_configurator(environ: MutableMapping[str, str]) -> None:
    """Select our configurator with our distro; another installed one then causes no warning."""
    if environ.setdefault("OTEL_PYTHON_CONFIGURATOR", NAME) == NAME:
        logging.getLogger("opentelemetry.instrumentation.auto_instrumentation._load").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Configuration of %s not loaded")
