"""The export for projects that use Django REST framework, with the project's own authenticators."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request as RestRequest
from rest_framework.views import APIView

from hydrochat_otel.django.views import asked, translated, viewer
from hydrochat_otel.web import EXPORT_PATH, respond
from hydrochat_otel.web.access import Viewer


class MetricsExportAPIView(APIView):
    """The export at a URL of the project's choice.

    Accepts the token, and staff and superusers that one of the project's authenticators recognises. All other access
    rules are those of every host, so the project's permissions, throttles and renderers do not apply.
    """

    permission_classes = ()
    throttle_classes = ()

    def perform_authentication(self, request: RestRequest) -> None:
        """Authenticate later: an authenticator for bearer tokens would refuse ours first."""

    def perform_content_negotiation(self, request: RestRequest, force: bool = False) -> tuple[Any, str]:  # noqa: ARG002, FBT002 - the framework's signature
        """Return JSON, the only format."""
        return JSONRenderer(), JSONRenderer.media_type

    @property
    def default_response_headers(self) -> dict[str, str]:
        """No defaults: the response has all its headers."""
        return {}

    def answered(self, request: RestRequest, *_: Any, **__: Any) -> HttpResponse:
        """Answer any method; a wrong one with 405."""
        question = asked(request._request, EXPORT_PATH)  # noqa: SLF001 - the framework has no public name for it
        question = replace(question, viewer=lambda: _viewer(request))
        return translated(respond(question))

    get = head = post = put = patch = delete = options = trace = http_method_not_allowed = answered


def _viewer(request: RestRequest) -> Viewer:
    try:
        return viewer(request.user)
    except APIException:  # an authenticator says that the credentials are wrong
        return Viewer.ANONYMOUS
