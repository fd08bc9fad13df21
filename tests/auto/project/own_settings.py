"""The same project with the application installed, a token of its own in the settings, and our URLs."""

import django_site
from django.urls import include, path
from django_site import *  # noqa: F403 - that is how Django's settings are derived from others

INSTALLED_APPS = [*django_site.INSTALLED_APPS, "hydrochat_otel.django"]
HYDROCHAT_METRICS_TOKEN = "token-of-the-settings-5678"
METRICS_MAX_ENTRIES = 7
ROOT_URLCONF = "own_settings"
urlpatterns = [*django_site.urlpatterns, path("", include("hydrochat_otel.django.urls"))]
