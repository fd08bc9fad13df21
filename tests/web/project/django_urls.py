"""The project's URLs: its own page at the root, ours beside it, and the view of REST framework."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import include, path

from hydrochat_otel.django.rest import MetricsExportAPIView


@login_not_required
def sign_in(request, name):
    """Sign in without a password, for the tests."""
    login(request, User.objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse(status=204)


urlpatterns = [
    path("", lambda _: HttpResponse("the project's own")),
    path("sign-in/<name>/", sign_in),
    path("", include("hydrochat_otel.django.urls")),
    path("rest/metrics/export/", MetricsExportAPIView.as_view()),
]
