"""The chat, its statistics for developers, and everything that the plugin serves."""

from django.urls import include, path

from hydrochat_app.views import ChatAPIView, StatsAPIView
from hydrochat_otel.django.rest import MetricsExportAPIView

urlpatterns = [
    path("api/hydrochat/chat/", ChatAPIView.as_view()),
    path("api/hydrochat/stats/<str:conversation_id>/", StatsAPIView.as_view()),
    # Before the plugin's own: it also accepts the accounts of this project's authenticators, not only those of
    # sessions.
    path("api/hydrochat/metrics/export/", MetricsExportAPIView.as_view()),
    path("", include("hydrochat_otel.django.urls")),
]
