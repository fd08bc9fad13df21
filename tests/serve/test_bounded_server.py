"""Promises of :mod:`hydrochat_otel.serve.bounded_server`: everything an anonymous client does is bounded."""

import contextlib
import http.client
import itertools
import re
import resource
import socket
import threading
import time

import pytest
import waitress.trigger
from serve.clients import SCRAPE, answer_of, connected, scrape

from hydrochat_otel import track_response_time, web
from hydrochat_otel.runtime import failures
from hydrochat_otel.serve import bounded_server
from hydrochat_otel.serve.server import Server


@pytest.fixture
def impatient(monkeypatch):
    """Every time limit is a fraction of a second, so that a test may wait for it."""
    monkeypatch.setattr(bounded_server, "REQUEST_WITHIN_S", 0.3)
    monkeypatch.setattr(bounded_server, "ANSWER_WITHIN_S", 0.3)


def is_closed_within(client, seconds):
    client.settimeout(seconds)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_half_open_connections_do_not_lock_out_a_scraper(server):
    """With more connections than the server keeps, each with half a request, a scrape is answered; the oldest close."""
    limit = bounded_server.MAX_CONNECTIONS
    with contextlib.ExitStack() as stack:
        half = [stack.enter_context(connected(server, b"GET / HTTP/1.1\r\nX: ")) for _ in range(limit + 20)]
        began_s = time.monotonic()
        assert scrape(server) == 200
        assert time.monotonic() - began_s < bounded_server.REQUEST_WITHIN_S
        assert is_closed_within(half[0], 5)
        assert not is_closed_within(half[-1], 0.2)
        assert scrape(server) == 200


def test_idle_connections_do_not_lock_out_a_scraper(server):
    """Idle clients that were answered are closed as well."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(bounded_server.MAX_CONNECTIONS + 20):
            client = stack.enter_context(connected(server, ask))
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert scrape(server) == 200


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nX: ", b"POST /session HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"]
)
def test_a_request_has_its_time(server, impatient, sent):
    """A connection that has not sent a whole request in time is closed, whichever part is missing."""
    with connected(server, sent) as client:
        assert is_closed_within(client, 5)


def test_single_bytes_do_not_extend_the_time(server, impatient):
    """A client that keeps sending single bytes is closed as well."""
    with connected(server, b"GET / HTTP/1.1\r\nX: ") as client, contextlib.suppress(OSError):
        deadline_s = time.monotonic() + 8
        while time.monotonic() < deadline_s:
            client.sendall(b"x")
            if is_closed_within(client, 0.05):
                break
        assert time.monotonic() < deadline_s


def test_an_answer_that_is_not_read(server, impatient):
    """A client that requests much and reads nothing costs a bounded answer for a bounded time, and no thread."""
    ask = b"GET /page/page.js HTTP/1.1\r\nHost: x\r\n\r\n" * 200
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.connect(("127.0.0.1", server.port))
            client.sendall(ask)
            stack.enter_context(client)
        assert scrape(server) == 200
        deadline_s = time.monotonic() + 10
        while server._serving.connections() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert server._serving.connections() == 0


def test_the_loop_waits_while_a_worker_sends(server, monkeypatch):
    """A socket that a worker sends to is not offered to the loop, which would find it ready again and again."""
    send, seen = bounded_server.BoundedChannel.send, []

    def looking(channel, data, do_close=True):
        seen.append(channel.writable())
        return send(channel, data, do_close)

    monkeypatch.setattr(bounded_server.BoundedChannel, "send", looking)
    assert scrape(server) == 200
    assert seen == [False]


def test_answers_that_are_shared_are_never_stale(server):
    """Scrapes of many connections at once share work, and each shows what was recorded before it was sent."""
    recorded, stale = itertools.count(1), []

    def record_and_scrape():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        with contextlib.closing(connection):
            for _ in range(30):
                with track_response_time("turn"):
                    pass
                number = next(recorded)
                connection.request("GET", web.METRICS_PATH, headers=SCRAPE)
                body = connection.getresponse().read().decode()
                shown = re.search(r"^hydrochat_operation_duration_seconds_count{.*} (\d+)$", body, re.MULTILINE)
                if shown is None or int(shown[1]) < number:
                    stale.append((number, shown))

    threads = [threading.Thread(target=record_and_scrape) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (stale, next(recorded)) == ([], 361)


def test_an_answer_that_is_read_late(installed):
    """What the system's buffers do not take at once is sent by the loop, when the client reads."""
    body = b"0123456789" * 500_000

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    with Server("127.0.0.1", 0, application) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        for _ in range(2):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            received = b""
            while not received.endswith(body[-1000:]) or len(received) < len(body):
                received += client.recv(1 << 20) or pytest.fail(f"closed after {len(received)}")
            assert received.partition(b"\r\n\r\n")[2] == body


def test_a_process_without_descriptors(server, caplog):
    """While the process has no descriptor left nothing is logged and nothing spins; afterwards it serves again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.socket())
        held = stack.enter_context(socket.socket())
        resource.setrlimit(resource.RLIMIT_NOFILE, (held.fileno() + 1, hard))
        try:
            client.connect(("127.0.0.1", server.port))
            began_s = time.process_time()
            time.sleep(0.5)
            busy_s = time.process_time() - began_s
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert busy_s < 0.25
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        client.settimeout(10)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert caplog.records == []


def test_a_failure_of_ours_while_accepting(server, monkeypatch):
    """An exception while a connection is accepted is counted, and the port stays open."""

    def fail(*_):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(bounded_server.BoundedServer, "set_socket_options", fail)
        with connected(server):
            deadline_s = time.monotonic() + 10
            while not failures.counts() and time.monotonic() < deadline_s:
                time.sleep(0.02)
    assert failures.counts() == {"serve": 1}
    assert scrape(server) == 200


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_application_that_exits(installed, caplog, kind):
    """An application that raises in a worker thread costs its connection only: closed at once, and in no other log."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/exit":
            raise kind
        return web.wsgi_app(environ, start_response)

    with Server("127.0.0.1", 0, application) as server:
        for _ in range(20):
            with connected(server, b"GET /exit HTTP/1.1\r\nHost: x\r\n\r\n") as client:
                assert answer_of(client) == b""
        assert scrape(server) == 200
    assert failures.counts() == {"serve": 20}
    assert [record.name for record in caplog.records] == ["hydrochat_otel"]


def test_a_wake_up_that_another_thread_has_under_way(server, monkeypatch):
    """Under eventlet the second of two that write at once is refused; the first one wakes the loop."""
    wake = waitress.trigger.trigger.pull_trigger

    def refuse(*arguments):
        wake(*arguments)
        raise RuntimeError("Second simultaneous write on fileno 6 detected.")

    with monkeypatch.context() as patched:
        patched.setattr(waitress.trigger.trigger, "pull_trigger", refuse)
        assert [scrape(server) for _ in range(8)] == [200] * 8
    assert failures.counts() == {}
