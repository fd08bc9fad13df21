"""The Django application: installs the pipeline when Django is ready."""

from django.apps import AppConfig
from django.core.checks import register
from django.core.exceptions import ImproperlyConfigured

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.settings import SettingsError


class TelemetryConfig(AppConfig):
    """Installs the pipeline, unless the project already did so with settings of its own."""

    name = "hydrochat_otel.django"
    label = "hydrochat_otel"
    verbose_name = "HydroChat telemetry"

    def ready(self) -> None:
        """Install, and register the system checks; an invalid setting stops the start with one sentence."""
        from hydrochat_otel.django import checks  # noqa: PLC0415 - the URL resolver needs the applications

        register(checks.check, checks.TAG)
        if _is_installed():
            return
        try:
            pipeline.install()
        except (SettingsError, PipelineError) as error:
            raise ImproperlyConfigured(str(error)) from None


def _is_installed() -> bool:
    try:
        running = pipeline.current()
    except PipelineError:
        return False
    return not (running.implicit or running.provisional)
