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
    if (sentence := unnamed(settings, service)) is not None:
        yield sentence


def unnamed(settings: Settings, service: str) -> str | None:
    """Return the sentence for a service without a name on a shared state; None for any other.

    No identity is derived in its place: what a process runs differs between the web server, the Celery worker and the
    commands of one service, whose numbers belong together, and is the same in the containers of different services.
    """
    if settings.state in {"auto", "memory"} or not service.startswith(_UNNAMED):
        return None
    return (
        "This service has no name, so HYDROCHAT_STATE adds its numbers to those of every other service without a "
        "name: set OTEL_SERVICE_NAME."
    )
