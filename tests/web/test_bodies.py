"""Promises of every host on bodies: at most a few kilobytes are read, for a few seconds."""

import asyncio
import io

import pytest
from conftest import TOKEN

from hydrochat_otel import web
from hydrochat_otel.web import asgi, message
from hydrochat_otel.web.message import MAX_BODY_BYTES, is_too_long

HUGE = 900_000_000
FORM = f"token={TOKEN}".encode()


class Stream(io.BytesIO):
    """An input that counts what was read of it."""

    taken = 0

    def read(self, size=-1):
        assert size >= 0, "read without a bound"
        data = super().read(size)
        self.taken += len(data)
        return data


def by_wsgi(stream, **environ):
    started = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": web.SIGN_IN_PATH, "wsgi.input": stream, **environ}
    b"".join(web.wsgi_app(environ, lambda status, headers: started.append((status, headers))))
    return int(started[0][0].split()[0])


def by_asgi(messages, headers=(), receive=None):
    """Return the status, and how many messages were taken."""
    sent, left = [], list(messages)

    async def next_message():
        return left.pop(0)

    async def send(one):
        sent.append(one)

    scope = {"type": "http", "method": "POST", "path": web.SIGN_IN_PATH, "headers": headers}
    asyncio.run(asgi.asgi_app(scope, receive or next_message, send))
    return sent[0]["status"], len(messages) - len(left)


@pytest.mark.parametrize(
    ("header", "refused"),
    [("", False), ("0", False), ("4096", False), ("4097", True), ("0" * 5000 + "12", False), ("9" * 5000, True),
     ("-1", False), ("1e9", False), ("\u0665" * 9, False), ("\u00b2", False)],
)  # fmt: skip
def test_an_announced_length(header, refused):
    """A length above the bound is refused by the header alone; an invalid length is ignored."""
    assert is_too_long(header) is refused


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_huge_body_is_not_read_by_wsgi(installed, method):
    """A body of 900 MB is not read."""
    stream = Stream(b"x" * 100_000)
    status = by_wsgi(stream, REQUEST_METHOD=method, CONTENT_LENGTH=str(HUGE))
    assert (status, stream.taken) == (413 if method == "POST" else 405, 0)


def test_a_body_without_a_length(installed):
    """From a chunked body a little more than the bound is read, and only if the server ends the input."""
    stream = Stream(b"x" * 100_000)
    assert (by_wsgi(stream), stream.taken) == (401, 0)
    assert by_wsgi(stream, **{"wsgi.input_terminated": True}) == 413
    assert stream.taken == MAX_BODY_BYTES + 1
    assert by_wsgi(Stream(FORM), **{"wsgi.input_terminated": True}) == 303


def test_a_huge_body_is_not_read_by_asgi(installed):
    """An announced huge body is not received; a chunked one ends shortly after the bound."""
    chunks = [{"type": "http.request", "body": b"x" * 1000, "more_body": True}] * 1000
    assert by_asgi(chunks, [(b"content-length", str(HUGE).encode())]) == (413, 0)
    assert by_asgi(chunks) == (413, 5)
    assert by_asgi([{"type": "http.request", "body": FORM}]) == (303, 1)


def test_a_slow_body(installed, monkeypatch):
    """A client that does not finish its form is answered after a time limit."""
    monkeypatch.setattr(asgi, "BODY_WITHIN_S", 0.1)

    async def never():
        await asyncio.sleep(60)

    assert by_asgi([], receive=never)[0] == 401


@pytest.mark.parametrize("name", ["django-gunicorn", "django-uvicorn", "gunicorn", "uvicorn"])
def test_a_huge_body_and_a_real_host(hosts, name):
    """Every host refuses 20 kB, and continues to work."""
    host = hosts(name)
    assert host.ask(web.SIGN_IN_PATH, method="POST", body=b"token=" + b"x" * 20_000).status == 413
    assert host.ask().status == 200


def test_the_bound_is_far_above_a_token():
    """A form with the longest sensible token is read."""
    assert message.MAX_BODY_BYTES >= 4096
