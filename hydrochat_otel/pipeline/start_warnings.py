"""What the first installation in a process logs about its configuration: valid settings that are probably mistakes."""

from collections.abc import Iterator, Mapping
from typing import Final

from hydrochat_otel.pipeline import unknown_settings
from hydrochat_otel.settings import Settings

_UNNAMED: Final = "unknown_service"
"""Begins the name that the SDK gives to a service without one."""


def sentences(environ: Mapping[str, str], settings: Settings, service: str) -> Iterator[str]:
    """Yield the warnings; `service` is the service's name as the provider's resource has it."""
    yield from unknown_settings.sentences(environ)
    if settings.state not in {"auto", "memory"} and service.startswith(_UNNAMED):
        yield (
            "This service has no name, so HYDROCHAT_STATE adds its numbers to those of every other service without a "
            "name: set OTEL_SERVICE_NAME."
        )
