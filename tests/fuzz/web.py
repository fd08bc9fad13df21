"""Fuzz targets of requests: parts of them to the routes in this process, whole ones on a socket."""

import json
from functools import cache

from fuzz.target import Target, expect

from hydrochat_otel.web import Request, paths, respond
from hydrochat_otel.web.sessions import sessions

TOKEN = "token-of-the-tests-1234"
BEARER = {"authorization": f"Bearer {TOKEN}"}
QUERIED = (paths.EXPORT_PATH, paths.HISTORY_PATH, paths.TURNS_PATH, paths.METRICS_PATH)
ROUTES = (*QUERIED, paths.OVERVIEW_PATH, paths.MONEY_PATH, paths.PAGE_PATH, paths.HEALTH_PATH, paths.SCHEMA_PATH)


def _answer(request):
    """Return the status; every answer is whole, and none is a 5xx."""
    response = respond(request)
    expect(response.status < 500, f"status {response.status}")
    for name, value in response.headers:
        expect((name + value).isprintable() and value.isascii(), f"the header {name} is {value!r}")
    if "json" in (response.header("Content-Type") or "") and not response.header("Content-Encoding") and response.body:
        json.loads(response.body)
    return str(response.status)


def _query(data):
    text = data.decode("latin-1")
    return " ".join(_answer(Request("GET", path, BEARER, query=text)) for path in QUERIED)


def _header(name, more=BEARER, path=paths.METRICS_PATH):
    def run(data):
        return _answer(Request("GET", path, {**more, name: data.decode("latin-1")}))

    return run


def _path(data):
    return _answer(Request("GET", data.decode("utf-8", "surrogateescape"), BEARER))


def _cookie(data):
    text = data.decode("latin-1")
    status = _answer(Request("GET", paths.METRICS_PATH, {"cookie": text}, client="198.51.100.7"))
    expect(status != "200" or _session() in text, f"a cookie that was not issued lets in: {text!r}")
    return status


def _bearer(data):
    text = data.decode("latin-1")
    status = _answer(Request("GET", paths.METRICS_PATH, {"authorization": text}))
    expect(status != "200" or TOKEN in text, f"another token lets in: {text!r}")
    return status


def _form(data):
    return _answer(Request("POST", paths.SIGN_IN_PATH, {"sec-fetch-site": "same-origin"}, data))


@cache
def _session():
    return sessions.issue(TOKEN)


def targets():
    """Return the targets; a pipeline with the token is installed."""
    return (
        Target(
            "query",
            _query,
            (
                b"limit=5&entries=true&days=true&since=2025-08-01T00:00:00Z",
                b"window=1d&step=1h",
                b"operation=turn&cursor=0006400000000000-0000000000000001-00000000",
                b"turn=11-12-13&outcome=failed&min_duration=1.5&min_cost=0.1&model=gemini-2.5-pro",
            ),
        ),
        Target(
            "accept", _header("accept"), (b"application/openmetrics-text;version=1.0.0;q=0.7,text/plain;q=0.3,*/*",)
        ),
        Target("accept-encoding", _header("accept-encoding"), (b"gzip;q=1.0, identity; q=0.5, *;q=0",)),
        Target("if-none-match", _header("if-none-match", path=paths.EXPORT_PATH), (b'W/"0123", "x", *',)),
        Target("paths", _path, (b"/page/page.js", *(path.encode() for path in ROUTES))),
        Target("cookies", _cookie, (f"a=b; hydrochat_session={_session()}; c=d".encode(), b"hydrochat_session=a.1.b")),
        Target("tokens", _bearer, (f"Bearer {TOKEN}".encode(), b"Basic dG9rZW46eA==")),
        Target("sign-in", _form, (b"token=x&next=%2F", f"token={TOKEN}".encode())),
    )
