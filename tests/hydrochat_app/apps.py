"""The application of the small HydroChat."""

from django.apps import AppConfig


class HydroChatConfig(AppConfig):
    """Patients, scans and the chat."""

    name = "hydrochat_app"
