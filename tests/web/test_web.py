"""Promises of :mod:`hydrochat_otel.web` and :mod:`server`; the promises of every host are in ``test_hosts``."""

import gzip
import http.client
import io
import json
import socket
import threading
from wsgiref.validate import validator

import pytest
from conftest import TOKEN
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from hydrochat_otel import web
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.serve.server import Server, ServerError
from hydrochat_otel.views import json_export
from hydrochat_otel.web import Request, access, respond, sessions

BEARER = {"authorization": f"Bearer {TOKEN}"}
COOKIE = {"cookie": f"{sessions.COOKIE}={sessions.sessions.issue(TOKEN)}"}
CLOSED = [
    web.EXPORT_PATH,
    web.SCHEMA_PATH,
    web.HISTORY_PATH,
    web.OVERVIEW_PATH,
    web.TURNS_PATH,
    web.MONEY_PATH,
    web.OPENAPI_PATH,
    web.METRICS_PATH,
    web.PAGE_PATH,
]


def get(path, headers=None, method="GET", body=b""):
    return respond(Request(method, path, headers or {}, body))


def header(response, name):
    return [value for key, value in response.headers if key == name]


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer \u00e4\ud800"},
        {"cookie": f"{sessions.COOKIE}={TOKEN}"},
        {"cookie": "\x00; ="},
    ],
)
def test_without_the_token_everything_is_closed(installed, path, headers):
    """Anonymous, wrong, malformed or misplaced credentials: 401, no data, and how to sign in."""
    response = get(path, headers)
    assert response.status == 401
    assert b"metrics_count" not in response.body
    assert header(response, "WWW-Authenticate") == ['Bearer realm="hydrochat_otel"']
    if path == web.PAGE_PATH:
        assert b"<form" in response.body
    else:
        assert json.loads(response.body) == {"error": access.UNAUTHENTICATED}


@pytest.mark.parametrize("path", CLOSED)
def test_without_a_configured_token_everything_is_closed(install, path):
    """Without a configured token every request gets 403, with the sentence that says what to set."""
    install(metrics_token=None)
    response = get(path, {"authorization": "Bearer None"})
    assert response.status == 403
    assert b"set HYDROCHAT_METRICS_TOKEN" in response.body


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("headers", [BEARER, COOKIE, {"authorization": f"bearer  {TOKEN} "}])
def test_the_token_opens(installed, path, headers):
    """With the bearer token or the cookie of a sign-in the answer is 200, never cached."""
    response = get(path, headers)
    assert (response.status, header(response, "Cache-Control")) == (200, ["private, no-store"])
    assert response.body


def test_only_health_is_open(installed):
    """/healthz answers every client and says only that the process is alive."""
    response = get("/healthz")
    assert (response.status, json.loads(response.body)) == (200, {"status": "ok"})


def test_the_export_and_its_schema(installed):
    """The export is JSON of the contract, with or without the last slash; the schema lies beside it."""
    with track_response_time("turn"):
        pass
    for path in (web.EXPORT_PATH, web.EXPORT_PATH.rstrip("/")):
        response = get(path, BEARER)
        assert header(response, "Content-Type") == ["application/json; charset=utf-8"]
        assert json.loads(response.body)["performance_metrics"]["metrics_count"] == 1
    assert get(web.SCHEMA_PATH, BEARER).body == json_export.schema()


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8", parse_text),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        (
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ),
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            parse_openmetrics,
        ),
    ],
)
def test_metrics_are_negotiated(installed, accept, content_type, parse):
    """Prometheus gets OpenMetrics, other clients the text format; both parse and agree with the window."""
    with track_response_time("turn"):
        pass
    response = get("/metrics", BEARER if accept is None else {**BEARER, "accept": accept})
    assert header(response, "Content-Type")[0].startswith(content_type.split("; charset")[0])
    assert header(response, "Vary") == ["Accept, Accept-Encoding"]
    families = {family.name: family for family in parse(response.body.decode())}
    counts = [
        sample.value
        for sample in families["hydrochat_operation_duration_seconds"].samples
        if sample.name.endswith("_count")
    ]
    assert counts == [1.0]


def test_a_client_that_accepts_no_format_gets_text(installed):
    """As Prometheus' content negotiation demands, the fallback is text 0.0.4 and not 406."""
    response = get("/metrics", {**BEARER, "accept": "application/json"})
    assert (response.status, header(response, "Content-Type")) == (200, ["text/plain; version=0.0.4; charset=utf-8"])


@pytest.mark.parametrize(
    ("encodings", "compressed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False), ("*", True)],
)
def test_gzip_where_it_is_accepted(installed, encodings, compressed):
    """Bodies are compressed only for clients that accept it, and have the same content."""
    response = get("/metrics", {**BEARER, "accept-encoding": encodings})
    assert header(response, "Content-Encoding") == (["gzip"] if compressed else [])
    body = gzip.decompress(response.body) if compressed else response.body
    assert body.startswith(b"# HELP")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", web.EXPORT_PATH, 405, ["GET, HEAD"]),
        ("DELETE", "/metrics", 405, ["GET, HEAD"]),
        ("GET", "/session", 405, ["POST"]),
        ("BREW", "/", 405, ["GET, HEAD"]),
        ("GET", "/nowhere", 404, []),
        ("GET", "/page/../json_export.py", 404, []),
        ("GET", "/page/%2e%2e/x.js", 404, []),
        ("GET", "/page/nothing.js", 404, []),
        ("GET", "/page/index.html", 404, []),
        ("GET", f"/page/{'x' * 300}.css", 404, []),
        ("GET", "/page/page.css/", 404, []),
        ("GET", "/page/\x00.css", 404, []),
    ],
)
def test_methods_and_paths_that_do_not_exist(installed, method, path, status, allow):
    """Wrong methods get 405 with the right ones, unknown paths 404, both as one JSON sentence."""
    response = get(path, BEARER, method)
    assert (response.status, header(response, "Allow")) == (status, allow)
    assert json.loads(response.body)["error"].endswith(("is answered here.", f"{web.METRICS_PATH}."))
    assert failures.counts() == {}


def test_head_has_the_headers_and_no_body(installed):
    """HEAD answers like GET without a body."""
    assert get("/healthz", method="HEAD").headers == get("/healthz").headers
    assert get("/healthz", method="HEAD").body == b""


def test_signing_in_and_out(installed):
    """The right token sets a strict, http-only cookie that opens the page; the wrong one does not; out clears it."""
    wrong = get("/session", method="POST", body=b"token=wrong")
    assert (wrong.status, header(wrong, "Set-Cookie")) == (401, [])
    assert b"That is not the token." in wrong.body
    right = get("/session", method="POST", body=f"token={TOKEN}".encode())
    assert (right.status, header(right, "Location")) == (303, ["./"])
    [cookie] = header(right, "Set-Cookie")
    assert cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict")
    assert TOKEN not in cookie
    assert get("/", {"cookie": cookie.split(";")[0]}).status == 200
    [gone] = header(get("/session/end", method="POST"), "Set-Cookie")
    assert "Max-Age=0" in gone
    secure = respond(Request("POST", "/session", {}, f"token={TOKEN}".encode(), secure=True))
    assert header(secure, "Set-Cookie")[0].endswith("; Secure")


def test_the_page_has_a_strict_policy(installed):
    """The page and the sign-in form forbid foreign hosts, inline scripts and frames."""
    for headers in ({}, BEARER):
        [policy] = header(get("/", headers), "Content-Security-Policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_a_failure_while_rendering_is_one_sentence(installed, monkeypatch):
    """An exception inside costs this answer only: 500, counted, and no part of it is shown."""

    def fail(_):
        raise RuntimeError("S1234567D")

    monkeypatch.setattr(json_export, "document", lambda *_: fail(_))
    response = get(web.EXPORT_PATH, BEARER)
    assert (response.status, b"S1234567D" in response.body, failures.counts()) == (500, False, {"web": 1})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_wsgi_application_keeps_to_the_protocol(installed, method):
    """The validator of wsgiref finds no fault, and the lengths are right."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": web.SCHEMA_PATH,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_AUTHORIZATION": f"Bearer {TOKEN}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    started = []
    chunks = validator(web.wsgi_app)(environ, lambda *arguments: started.append(arguments))
    body = b"".join(chunks)
    chunks.close()
    assert started[0][0] == "200 OK"
    whole = get(web.SCHEMA_PATH, BEARER).body
    assert (dict(started[0][1])["Content-Length"], body) == (str(len(whole)), whole if method == "GET" else b"")


def ask(port, path="/healthz", headers=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def test_the_server_serves_many_at_once(installed):
    """Thirty-two clients at the same time each get a whole, valid answer."""
    answers = []
    with Server("127.0.0.1", 0) as server:
        threads = [
            threading.Thread(target=lambda: answers.append(ask(server.port, web.EXPORT_PATH, BEARER)))
            for _ in range(32)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ask(server.port, "/healthz", method="HEAD") == (200, b"")
    assert [status for status, _ in answers] == [200] * 32
    assert all(json.loads(body)["timestamp"] for _, body in answers)


def test_a_stopped_server_is_gone(installed):
    """After stop() nothing listens, and a second stop() does nothing."""
    server = Server("127.0.0.1", 0)
    server.start()
    assert ask(server.port)[0] == 200
    server.stop()
    server.stop()
    with pytest.raises(OSError):
        ask(server.port)


def test_a_port_that_is_taken_fails_in_the_caller(installed):
    """The error is raised where the server is made and says what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as caught:
            Server("127.0.0.1", port)
    assert str(caught.value) == f"Port {port} on 127.0.0.1 is taken by another program; choose another one with --port."


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("no.such.host.invalid", "no.such.host.invalid has no address."),
        ("192.0.2.1", "192.0.2.1 is not an address of this machine; check that the loopback interface is up."),
    ],
)
def test_an_address_that_is_not_ours(host, sentence):
    """A host that does not exist here gives one sentence."""
    with pytest.raises(ServerError) as caught:
        Server(host, 0)
    assert str(caught.value) == sentence
