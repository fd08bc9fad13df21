"""The one view: translates Django's request for :func:`hydrochat_otel.web.respond`, and its response for Django.

It is synchronous on purpose: under ASGI, Django runs it in a thread, where rendering cannot block the event loop.
"""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from hydrochat_otel.web import Request, Response, respond
from hydrochat_otel.web.access import Viewer, no_sign_in
from hydrochat_otel.web.message import MAX_BODY_BYTES, is_too_long


@csrf_exempt  # our forms change only our own strict cookie, and refuse other sites themselves
@login_not_required  # respond() decides on access, and never redirects to a login page
def site(request: HttpRequest, path: str | None = None) -> HttpResponse:
    """Answer the request at one of our paths; None is the prefix without its slash."""
    return translated(respond(asked(request, path or "")))


def asked(request: HttpRequest, path: str) -> Request:
    """Return the request at one of our paths; the signed-in account is looked up only if it matters."""
    return Request(
        method=request.method or "",
        path=path,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=_body(request) if request.method == "POST" else b"",
        secure=request.is_secure(),
        query=request.META.get("QUERY_STRING", ""),
        client=request.META.get("REMOTE_ADDR", ""),
        root=request.path.removesuffix(path).rstrip("/"),
        viewer=(lambda: viewer(request.user)) if hasattr(request, "user") else no_sign_in,
    )


def _body(request: HttpRequest) -> bytes | None:
    """Return the body; None if it is too long, in which case it is not read."""
    if is_too_long(request.META.get("CONTENT_LENGTH") or ""):
        return None
    try:
        body = request.body
    except RawPostDataException:  # middleware of the project has read it from the stream
        return b""
    except RequestDataTooBig:  # the project's own limit, for a body that announces no length
        return None
    except UnreadablePostError:  # the client disconnected
        return b""
    return body if len(body) <= MAX_BODY_BYTES else None


def viewer(user: Any) -> Viewer:
    """Return what the account may see, whatever its model: staff and superusers everything, others nothing."""
    if user is None or not user.is_authenticated:
        return Viewer.ANONYMOUS
    is_developer = getattr(user, "is_staff", False) or getattr(user, "is_superuser", False)
    return Viewer.STAFF if is_developer and getattr(user, "is_active", True) else Viewer.MEMBER


def translated(response: Response) -> HttpResponse:
    """Return the response as Django's, with our headers only."""
    sent = HttpResponse(response.body, status=response.status)
    del sent["Content-Type"]
    for name, value in response.headers:
        sent[name] = value
    return sent
