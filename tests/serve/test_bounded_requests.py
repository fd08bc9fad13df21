"""Promises of :mod:`hydrochat_otel.serve.bounded_requests`: what is read of a request is bounded, and kept of none."""

import contextlib
import http.client
import logging
import tempfile

import pytest
from conftest import TOKEN
from serve.clients import SCRAPE, answer_of, connected, one_answer

from hydrochat_otel import web
from hydrochat_otel.serve.server import Server

HUGE = 900_000_000


@pytest.mark.parametrize(
    "request_text",
    [
        f"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: {HUGE}\r\n\r\n",
        f"POST /session HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {HUGE}\r\n\r\n",
        "POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + "5000\r\n" + "x" * 0x5000,
    ],
)
def test_a_huge_body_is_refused_before_it_is_stored(server, request_text, monkeypatch):
    """A body of 900 MB, announced or in chunks, is 413 at once: neither awaited nor requested nor written to disk."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, **__: pytest.fail("written to disk"))
    with connected(server, request_text.encode()) as client:
        assert answer_of(client).startswith(b"HTTP/1.1 413 ")


def test_a_wanted_body_is_requested(server):
    """A client that waits for `100 Continue` gets it, sends its form, and is answered."""
    form = f"token={TOKEN}".encode()
    head = f"POST /session HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(form)}\r\n\r\n"
    with connected(server, head.encode()) as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(form)
        assert client.recv(1000).startswith(b"HTTP/1.1 303 ")


def test_expecting_to_continue_without_a_body(server):
    """A request without a body is answered although it waits for `100 Continue`, and the next one is separate."""
    with connected(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nX-First: 1\r\n\r\n") as client:
        assert one_answer(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert one_answer(client).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "request_text",
    [
        "GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: " + "9" * 5000 + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: " + "y" * 20_000 + "\r\n\r\n",
        "\x00\x01\r\n\r\n",
    ],
)
def test_a_malformed_request_is_not_logged(server, caplog, request_text):
    """A request that cannot be parsed gets an answer and not a line in the application's log."""
    caplog.set_level(logging.INFO)
    with connected(server, request_text.encode()) as client:
        assert answer_of(client).split(b" ")[1][:1] == b"4"
    assert caplog.records == []


def test_requests_sent_ahead_of_their_answers(server):
    """Of many requests in one packet two are answered, then the connection ends: answers cannot pile up."""
    with connected(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 50) as client:
        assert answer_of(client).count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("is_site", [True, False])
def test_a_connection_that_changes_its_requests(installed, is_site):
    """What is kept of a connection's newest request and answer is never used for another one."""
    with Server("127.0.0.1", 0, *([] if is_site else [web.wsgi_app])) as server, connected(server) as client:
        wrong = {"Authorization": f"Bearer {TOKEN[:-1]}"}
        asked = [("GET", SCRAPE), ("GET", SCRAPE), ("GET", wrong), ("GET", SCRAPE), ("HEAD", SCRAPE), ("GET", SCRAPE)]
        found = []
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        with contextlib.closing(connection):
            for method, headers in asked:
                connection.request(method, web.METRICS_PATH, headers=headers)
                answer = connection.getresponse()
                found.append((answer.status, int(answer.headers["Content-Length"]) > 0, answer.read() != b""))
        assert [one[0] for one in found] == [200, 200, 401, 200, 200, 200]
        assert [one[1:] for one in found] == [(True, method == "GET") for method, _ in asked]
        ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        for _ in range(2):
            client.sendall(ask)
            assert b"Connection" not in one_answer(client)
        client.sendall(ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"\r\nConnection: close\r\n" in answer_of(client)


def test_a_kept_request_that_is_sent_ahead(server):
    """Of requests that are kept and sent together two are answered, the second with the end of the connection."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(server) as client:
        for _ in range(3):
            client.sendall(ask)
            assert one_answer(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(ask * 3)
        answers = answer_of(client)
    assert (answers.count(b"HTTP/1.1 200 "), answers.count(b"Connection: close")) == (2, 1)


def test_bodies_that_the_site_reads(server):
    """A form is read whether its length is announced or not, one beyond the bound is refused, and none is kept."""
    form = f"token={TOKEN}".encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(form), form)
    head = b"POST /session HTTP/1.1\r\nHost: x\r\n"
    with connected(server) as client:
        for sent, status in [
            (b"Content-Length: %d\r\n\r\n%b" % (len(form), form), b"303"),
            (b"Transfer-Encoding: chunked\r\n\r\n" + chunked, b"303"),
            (b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, b"413"),
            (b"Content-Length: 7\r\n\r\ntoken=x", b"401"),
            (b"Content-Length: %d\r\n\r\n%b" % (len(form), form), b"303"),
        ]:
            client.sendall(head + sent)
            assert client.recv(1 << 16).split(b" ")[1] == status


def test_a_header_of_several_lines():
    """An answer whose header has several lines is not sent: what follows could be taken for headers."""
    split = web.Response(200, (("Content-Length", "0"), ("X-Note", "a\r\nSet-Cookie: b")))
    with (
        Server("127.0.0.1", 0, respond=lambda _: split) as server,
        connected(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as client,
    ):
        answer = answer_of(client)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"Set-Cookie" not in answer
