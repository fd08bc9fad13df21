"""The one view: Django's request in, :func:`hydrochat_otel.web.respond`, Django's response out.

It is synchronous on purpose: under ASGI Django runs it in a thread, and that is where rendering belongs.
"""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from hydrochat_otel.web import Request, Response, respond
from hydrochat_otel.web.access import Viewer, nobody


@csrf_exempt  # our forms change nothing but our own strict cookie, and refuse other sites by themselves
@login_not_required  # respond() decides who may look, and never redirects to a login page
def site(request: HttpRequest, path: str | None = None) -> HttpResponse:
    """Answer what is asked for at the path of ours; None stands for the prefix without its slash."""
    return translated(respond(asked(request, path or "")))


def asked(request: HttpRequest, path: str) -> Request:
    """Return what was asked for at the path of ours; whoever is signed in is looked up only when that matters."""
    return Request(
        method=request.method or "",
        path=path,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body if request.method == "POST" else b"",
        secure=request.is_secure(),
        query=request.META.get("QUERY_STRING", ""),
        client=request.META.get("REMOTE_ADDR", ""),
        root=request.path.removesuffix(path).rstrip("/"),
        viewer=(lambda: viewer(request.user)) if hasattr(request, "user") else nobody,
    )


def viewer(user: Any) -> Viewer:
    """Return what the account may see, whatever its model: staff and superusers everything, others nothing."""
    if user is None or not user.is_authenticated:
        return Viewer.ANONYMOUS
    is_developer = getattr(user, "is_staff", False) or getattr(user, "is_superuser", False)
    return Viewer.STAFF if is_developer and getattr(user, "is_active", True) else Viewer.MEMBER


def translated(response: Response) -> HttpResponse:
    """Return the response as Django's; no header but ours."""
    sent = HttpResponse(response.body, status=response.status)
    del sent["Content-Type"]
    for name, value in response.headers:
        sent[name] = value
    return sent
