"""Promises of the ASGI application beyond the table of cases: lifespan, mounting, bodies, and an unblocked loop."""

import asyncio
import threading

import pytest
from conftest import TOKEN

from hydrochat_otel import web
from hydrochat_otel.web import asgi, asgi_app, respond, wsgi_app
from hydrochat_otel.web.message import Response

AUTHORIZED = [(b"authorization", f"Bearer {TOKEN}".encode())]


async def ask(path="/healthz", *, headers=(), method="GET", body=(), **scope):
    """Call the application directly; `body` are the messages that it may receive."""
    sent, waiting = [], list(body)

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers), "query_string": b"", **scope}
    await asgi_app(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("path", "root", "status"),
    [
        ("/telemetry/healthz", "/telemetry", 200),
        ("/healthz", "/telemetry", 200),
        ("/telemetry", "/telemetry", 308),
        ("/telemetry/", "/telemetry/", 401),
        ("/telemetryhealthz", "/telemetry", 404),
        ("", "", 401),
    ],
)
async def test_mounted_below_a_prefix(installed, path, root, status):
    """The site is found below its prefix, whether the framework leaves the prefix on the path or removes it."""
    start, _ = await ask(path, root_path=root)
    assert start["status"] == status


async def test_lifespan_is_answered():
    """A server that announces start and end gets its answers and can continue."""
    messages, sent = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message["type"])

    await asgi_app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_closed():
    """A connection other than HTTP is refused."""
    assert [message["type"] for message in await ask(type="websocket")] == ["websocket.close"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([b"token=", TOKEN.encode()], 303),
        ([b"token=wrong"], 401),
        ([b"token=" + b"x" * 4000, b"x" * 4000, b"x" * 4000], 413),
        ([], 401),
    ],
)
async def test_a_body_in_pieces(installed, body, status):
    """A form may come in any number of messages, is cut at a few kilobytes, and may stop coming."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    if messages and status != 413:
        messages[-1]["more_body"] = False
    start, _ = await ask("/session", method="POST", body=messages)
    assert start["status"] == status


async def test_repeated_headers_are_joined(installed):
    """Several lines of one header are one value, as WSGI has it; cookies keep their own separator."""
    cookie = f"{web.respond.__module__}=1".encode(), f"hydrochat_session={'0' * 64}".encode()
    headers = [(b"Cookie", one) for one in cookie] + [
        (b"Accept-Encoding", b"br"),
        (b"accept-encoding", b"gzip"),
        *AUTHORIZED,
    ]
    start, _ = await ask(web.SCHEMA_PATH, headers=headers)
    assert (start["status"], (b"content-encoding", b"gzip") in start["headers"]) == (200, True)


async def test_the_loop_continues_while_an_answer_is_made(installed, monkeypatch):
    """Slow answers block neither the loop nor the application's own threads."""
    go_on, started = threading.Event(), threading.Barrier(9)

    def slow(_):
        started.wait(10)
        go_on.wait(10)
        return Response(200, ())

    monkeypatch.setattr(asgi, "respond", slow)
    answers = [asyncio.create_task(ask()) for _ in range(8)]
    await asyncio.to_thread(started.wait, 10)
    await asyncio.wait_for(asyncio.gather(*(asyncio.to_thread(int) for _ in range(4))), 10)
    assert not any(task.done() for task in answers)
    go_on.set()
    assert [sent[0]["status"] for sent in await asyncio.gather(*answers)] == [200] * 8


def test_a_forked_process_has_threads_of_its_own():
    """A child does not wait for the threads of its parent."""
    assert asgi._threads(1) is not asgi._threads(2)
    assert asgi._threads(2) is asgi._threads(2)
    asgi._threads.cache_clear()


@pytest.mark.parametrize(
    ("length", "terminated", "status"),
    [("", False, 401), ("", True, 303), ("nonsense", False, 401), ("53", False, 303)],
)
def test_a_wsgi_body_is_never_waited_for(installed, length, terminated, status):
    """The application reads at most the announced length, and nothing without one, unless the server ends the input."""
    form = f"token={TOKEN}".encode().ljust(53, b"\n")

    class Input:
        def read(self, size):
            assert size <= 53 or terminated, "this would wait forever"
            return form[:size]

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/session", "CONTENT_LENGTH": length, "wsgi.input": Input()}
    started = []
    wsgi_app({**environ, "wsgi.input_terminated": terminated}, lambda *arguments: started.append(arguments))
    assert started[0][0].startswith(str(status))


def test_before_anything_is_installed():
    """An application that is served before install() answers 503; the health check works."""
    response = respond(web.Request("GET", web.EXPORT_PATH))
    assert (response.status, b"call hydrochat_otel.install()" in response.body) == (503, True)
    assert respond(web.Request("GET", web.HEALTH_PATH)).status == 200
