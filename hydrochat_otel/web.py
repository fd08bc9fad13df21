"""The web side: :func:`respond` decides everything once, hosts only translate.

Every endpoint but `/healthz` and the page's own static files is closed until a token is configured.
"""

import gzip
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from hydrochat_otel import access, alerts, faults, json_export, overview, pipeline, prometheus
from hydrochat_otel.access import Access

EXPORT_PATH: Final = "/api/hydrochat/metrics/export/"
SCHEMA_PATH: Final = "/api/hydrochat/metrics/export/schema/"
OVERVIEW_PATH: Final = "/api/hydrochat/metrics/overview/"
METRICS_PATH: Final = "/metrics"
HEALTH_PATH: Final = "/healthz"
PAGE_PATH: Final = "/"
SIGN_IN_PATH: Final = "/session"
SIGN_OUT_PATH: Final = "/session/end"
STATIC_PREFIX: Final = "/page/"

_JSON: Final = "application/json; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"
_STATIC_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_GZIP_FROM_BYTES: Final = 1024
_MAX_BODY_BYTES: Final = 4096

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a host received; header names in lower case, `body` only for POST and cut at a few kilobytes."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What a host sends, complete but for the Content-Length that it adds itself."""

    status: int
    headers: Headers
    body: bytes = b""


def respond(request: Request) -> Response:
    """Answer one request; milliseconds, on the calling thread, never raises."""
    try:
        response = _route(request)
    except Exception as error:
        faults.note("web", error)
        response = _failure(500, "The numbers could not be rendered; the application itself is not affected.")
    response = _compressed(request, response)
    return Response(response.status, response.headers, b"") if request.method == "HEAD" else response


def _route(request: Request) -> Response:
    path = request.path
    if path.startswith(STATIC_PREFIX):
        return _only(request, _static, "GET")
    handler, *methods = _ROUTES.get(path) or _ROUTES.get(f"{path}/") or (_not_found, request.method)
    return _only(request, handler, *methods)


def _only(request: Request, handler: Callable[[Request], Response], *methods: str) -> Response:
    allowed = ("HEAD", *methods) if "GET" in methods else methods
    if request.method not in allowed:
        sentence = f"{request.path} answers {' and '.join(sorted(allowed))} only."
        return _failure(405, sentence, ("Allow", ", ".join(sorted(allowed))))
    return handler(request)


# -- data, closed -------------------------------------------------------------------------------------------------


def _closed(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def guarded(request: Request) -> Response:
        decision = access.decide(request.headers, pipeline.current().settings.metrics_token)
        if decision is Access.GRANTED:
            return handler(request)
        if decision is Access.CLOSED:
            return _failure(403, access.NO_TOKEN_CONFIGURED)
        return _failure(401, access.UNAUTHENTICATED, ("WWW-Authenticate", 'Bearer realm="hydrochat_otel"'))

    return guarded


@_closed
def _export(_: Request) -> Response:
    return _ok(_JSON, json_export.render(pipeline.current().snapshot()))


@_closed
def _schema(_: Request) -> Response:
    return _ok("application/schema+json; charset=utf-8", json_export.schema())


@_closed
def _overview(_: Request) -> Response:
    running = pipeline.current()
    snapshot = running.snapshot()
    return _ok(_JSON, overview.render(snapshot, alerts.evaluate(snapshot)))


@_closed
def _metrics(request: Request) -> Response:
    exposition = prometheus.negotiate(request.headers.get("accept"))
    if exposition is None:
        return _failure(406, "Metrics are served as text/plain and application/openmetrics-text.")
    body = prometheus.render(pipeline.current().snapshot(), exposition)
    return _ok(exposition.content_type, body, ("Vary", "Accept, Accept-Encoding"))


# -- the page -----------------------------------------------------------------------------------------------------


def _page(request: Request) -> Response:
    running = pipeline.current()
    decision = access.decide(request.headers, running.settings.metrics_token)
    if decision is Access.CLOSED:
        return _sign_in_form(403, access.NO_TOKEN_CONFIGURED)
    if decision is Access.UNAUTHENTICATED:
        return _sign_in_form(401, "")
    snapshot = running.snapshot()
    tables = overview.html_tables(overview.picture(snapshot, alerts.evaluate(snapshot)))
    html = _asset("index.html").replace(b"<!--tables-->", tables.encode())
    return _ok(_HTML, html, ("Content-Security-Policy", _CONTENT_SECURITY_POLICY))


def _sign_in_form(status: int, message: str) -> Response:
    html = _asset("sign-in.html").replace(b"<!--message-->", message.encode())
    return _ok(_HTML, html, ("Content-Security-Policy", _CONTENT_SECURITY_POLICY), status=status)


def _sign_in(request: Request) -> Response:
    token = pipeline.current().settings.metrics_token
    if token is None:
        return _sign_in_form(403, access.NO_TOKEN_CONFIGURED)
    fields = parse_qs(request.body.decode("utf-8", "replace"))
    if not access.is_token(fields.get("token", [""])[0].strip(), token):
        return _sign_in_form(401, "That is not the token.")
    return _see_page(access.session_cookie(token, secure=request.secure))


def _sign_out(request: Request) -> Response:
    return _see_page(access.session_cookie(None, secure=request.secure))


def _see_page(cookie: str) -> Response:
    return _ok(_TEXT, b"", ("Location", PAGE_PATH), ("Set-Cookie", cookie), status=303)


def _static(request: Request) -> Response:
    name = request.path.removeprefix(STATIC_PREFIX)
    stem, dot, ending = name.rpartition(".")
    content_type = _STATIC_TYPES.get(dot + ending)
    if content_type is None or not stem.replace("-", "").isalnum():
        return _not_found(request)
    try:
        return _ok(content_type, _asset(name))
    except FileNotFoundError:
        return _not_found(request)


@cache
def _asset(name: str) -> bytes:
    return files("hydrochat_otel").joinpath("assets", "page", name).read_bytes()


# -- open ---------------------------------------------------------------------------------------------------------


def _health(_: Request) -> Response:
    return _ok(_JSON, b'{"status":"ok"}\n')


def _not_found(request: Request) -> Response:  # noqa: ARG001 - a route like all others
    return _failure(404, f"Nothing is here; the export is at {EXPORT_PATH}, the metrics are at {METRICS_PATH}.")


_ROUTES: Final[Mapping[str, tuple[Any, ...]]] = {
    EXPORT_PATH: (_export, "GET"),
    SCHEMA_PATH: (_schema, "GET"),
    OVERVIEW_PATH: (_overview, "GET"),
    METRICS_PATH: (_metrics, "GET"),
    HEALTH_PATH: (_health, "GET"),
    PAGE_PATH: (_page, "GET"),
    SIGN_IN_PATH: (_sign_in, "POST"),
    SIGN_OUT_PATH: (_sign_out, "POST"),
}


# -- responses ----------------------------------------------------------------------------------------------------


def _ok(content_type: str, body: bytes, *headers: tuple[str, str], status: int = 200) -> Response:
    common = (
        ("Content-Type", content_type),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    )
    return Response(status, common + headers, body)


def _failure(status: int, sentence: str, *headers: tuple[str, str]) -> Response:
    return _ok(_JSON, orjson.dumps({"error": sentence}) + b"\n", *headers, status=status)


def _compressed(request: Request, response: Response) -> Response:
    if len(response.body) < _GZIP_FROM_BYTES or not _accepts_gzip(request.headers.get("accept-encoding", "")):
        return response
    headers = (*response.headers, ("Content-Encoding", "gzip"))
    if not any(name == "Vary" for name, _ in headers):
        headers = (*headers, ("Vary", "Accept-Encoding"))
    # Level 1: a scrape is repeated text, and higher levels cost several times as much for a few per cent.
    return Response(response.status, headers, gzip.compress(response.body, compresslevel=1, mtime=0))


def _accepts_gzip(header: str) -> bool:
    for part in header.lower().split(","):
        coding, *parameters = (word.strip() for word in part.split(";"))
        if coding in {"gzip", "x-gzip", "*"}:
            return not any(word.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for word in parameters)
    return False


# -- hosts --------------------------------------------------------------------------------------------------------


def wsgi_app(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve every endpoint as a WSGI application (PEP 3333)."""
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    body = environ["wsgi.input"].read(_MAX_BODY_BYTES) if environ["REQUEST_METHOD"] == "POST" else b""
    secure = environ.get("wsgi.url_scheme") == "https"
    path = environ.get("PATH_INFO", "") or "/"
    response = respond(Request(environ["REQUEST_METHOD"], path, headers, body, secure))
    phrase = HTTPStatus(response.status).phrase
    length = ("Content-Length", str(len(response.body)))
    # The length of a HEAD answer would have to be that of the GET; leaving it out is allowed, a wrong one is not.
    sent = response.headers if environ["REQUEST_METHOD"] == "HEAD" else (*response.headers, length)
    start_response(f"{response.status} {phrase}", list(sent))
    return [response.body]
