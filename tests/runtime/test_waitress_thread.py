"""Promises of :mod:`hydrochat_otel.runtime.waitress_thread`."""

import socket
import threading
import urllib.request

import pytest

from hydrochat_otel.runtime.waitress_thread import ServingThread


def hello(_environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_what_was_served_is_gone_after_the_end(listening):
    """It answers; after the end its thread has ended and the port is free for the next one."""
    serving = ServingThread(hello, listening, name="one-of-many", threads=1)
    address = listening.getsockname()[:2]
    with urllib.request.urlopen("http://{}:{}/".format(*address), timeout=5) as response:
        assert response.read() == b"hello"
    serving.end(5)
    assert "one-of-many" not in {thread.name for thread in threading.enumerate()}
    socket.create_server(address).close()


def test_an_end_comes_through_when_the_loop_wakes_too_early(listening):
    """A worker's wake-up just before the final one does not close the pipe that is still to be written to."""
    serving = ServingThread(hello, listening, name="woken", threads=1)
    trigger = serving._trigger
    pull = trigger._physical_pull

    def pull_twice():
        pull()
        # Longer than the loop takes to notice; without the loop's wait the second one has no pipe any more.
        threading.Event().wait(0.3)
        pull()

    trigger._physical_pull = pull_twice
    serving.end(5)
    assert not any(thread.name == "woken" for thread in threading.enumerate())


def test_nothing_of_the_queue_is_logged_as_a_warning(listening, caplog):
    """Requests that wait for a thread, and those cut off at the end, cause no warning in the host's log."""
    entered, leave = threading.Event(), threading.Event()

    def slow(environ, start_response):
        entered.set()
        leave.wait(30)
        return hello(environ, start_response)

    serving = ServingThread(slow, listening, name="busy", threads=1)
    clients = [socket.create_connection(listening.getsockname()[:2]) for _ in range(3)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert entered.wait(30)
    while len(serving.tasks.queue) < 2:
        threading.Event().wait(0.01)
    serving.end(0.1)
    leave.set()
    for client in clients:
        client.close()
    assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == []
