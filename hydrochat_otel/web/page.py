"""Handlers of the page: its HTML with the numbers in it, signing in and out, and its static files."""

from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import parse_qs

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.views import money, overview, plain_tables, thresholds, turns
from hydrochat_otel.web import access
from hydrochat_otel.web.access import Access
from hydrochat_otel.web.data import described, kept_turns
from hydrochat_otel.web.guard import CHALLENGE, decision, explanation, retry_after
from hydrochat_otel.web.message import HTML, MAX_BODY_BYTES, Refused, Request, Response, answer, bodiless
from hydrochat_otel.web.paths import EXPORT_PATH, METRICS_PATH, STATIC_PREFIX
from hydrochat_otel.web.sessions import cookie_of, sessions, set_cookie

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Final = (
    "Content-Security-Policy",
    (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
)


def page(request: Request) -> Response:
    """Answer with the page, or with the sign-in form if the request has no access."""
    found = decision(request)
    if found is not Access.GRANTED:
        return _form(request, found, "" if found is Access.UNAUTHENTICATED else explanation(found))
    running = pipeline.current()
    snapshot = running.snapshot()
    threshold_s = running.settings.response_time_threshold_s
    shown = overview.document(snapshot, thresholds.evaluate(snapshot), threshold_s=threshold_s)
    trace_url = running.settings.trace_url
    latest = turns.document(kept_turns(snapshot), turns.Search(), unix_s=snapshot.unix_s, trace_url=trace_url)
    tables = plain_tables.render(shown, money.document(snapshot), latest)
    return answer(HTML, _asset("index.html").replace(b"<!--tables-->", tables.encode("utf-8", "replace")), _POLICY)


def sign_in(request: Request) -> Response:
    """Set the cookie if the form holds the token."""
    _refuse_other_sites(request)
    if request.body is None:
        raise Refused(413, f"A form of more than {MAX_BODY_BYTES} bytes is not read.")
    settings = pipeline.current().settings
    token = settings.metrics_token
    if token is None:
        return _form(request, Access.CLOSED, explanation(Access.CLOSED))
    presented = parse_qs(request.body.decode("utf-8", "replace")).get("token", [""])[0].strip()
    found = access.sign_in(presented, token, client=request.client)
    if found is Access.GRANTED:
        # Relative to this path, because only the client has all prefixes between it and the page.
        return bodiless(303, ("Location", "./"), set_cookie(sessions.issue(token), secure=_is_secure(request)))
    return _form(request, found, explanation(found) if found is Access.LIMITED else "That is not the token.")


def sign_out(request: Request) -> Response:
    """Invalidate the cookie in every process that shares the state, and remove it from the browser."""
    _refuse_other_sites(request)
    running = pipeline.current()
    token = running.settings.metrics_token
    if token is not None and sessions.revoke(cookie_of(request.headers), token):
        running.publish()
    return bodiless(303, ("Location", "../"), set_cookie(None, secure=_is_secure(request)))


def static(request: Request) -> Response:
    """Answer with a file of the page; only the files that the package ships exist."""
    name = request.path.removeprefix(STATIC_PREFIX)
    content_type = _static_types().get(name)
    if content_type is None:
        raise nowhere()
    return described(content_type, _asset(name))


def nowhere() -> Refused:
    """Return the answer for a path that does not exist."""
    return Refused(404, f"Nothing is here; the export is at {EXPORT_PATH}, the metrics are at {METRICS_PATH}.")


def _form(request: Request, found: Access, message: str) -> Response:
    statuses = {Access.UNAUTHENTICATED: 401, Access.LIMITED: 429}
    html = _asset("sign-in.html").replace(b"<!--message-->", escape(message).encode())
    more = {Access.UNAUTHENTICATED: (CHALLENGE,), Access.LIMITED: (retry_after(request),)}.get(found, ())
    return answer(HTML, html, _POLICY, *more, status=statuses.get(found, 403))


def _refuse_other_sites(request: Request) -> None:
    """Refuse a form from another site: browsers send this header, other programs do not."""
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise Refused(403, "Forms of other sites are refused.")


def _is_secure(request: Request) -> bool:
    """Return whether the cookie is for HTTPS only: the client used it, or a proxy before us does."""
    return request.secure or pipeline.current().settings.cookie_secure


@cache
def _static_types() -> Mapping[str, str]:
    """Return the content type of each static file by its name."""
    names = (one.name for one in files("hydrochat_otel").joinpath("assets", "page").iterdir())
    return {name: _TYPES[ending] for name in names if (ending := PurePosixPath(name).suffix) in _TYPES}


@cache
def _asset(name: str) -> bytes:
    return files("hydrochat_otel").joinpath("assets", "page", name).read_bytes()
