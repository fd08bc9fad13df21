"""Promises of :mod:`hydrochat_otel.serve.port_keeper`: one process listens, all others wait, no fork leaks a socket."""

import contextlib
import logging
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from auto.running_command import eventually, get, listeners
from ports import free_port

from hydrochat_otel.serve.port_keeper import PortKeeper

HEALTHY = (200, '{"status":"ok"}\n')

UNTIL = "The endpoints stay closed until it is free; HYDROCHAT_PORT chooses another port."


@pytest.fixture
def keep():
    """Make a keeper that tries often; stop it after the test."""
    with contextlib.ExitStack() as stack:

        def make(port, **more):
            keeper = PortKeeper(more.pop("host", "127.0.0.1"), port, retry_s=0.02, **more)
            stack.callback(keeper.stop)
            return keeper

        yield make


@contextlib.contextmanager
def forked(child):
    """Run the function in a forked process, which lives until the block ends; the block begins after the function."""
    ready, tell_ready = os.pipe()
    ended, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(end)
        child()
        os.write(tell_ready, b"1")
        os.read(ended, 1)
        os._exit(0)
    try:
        os.read(ready, 1)
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for descriptor in (ready, tell_ready, ended, end):
            os.close(descriptor)


class Foreign(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_one_listens_and_the_next_takes_its_place(keep, caplog):
    """Of two keepers the first listens; when it stops the second does, and nothing is logged as a warning."""
    port = free_port()
    first, second = keep(port), keep(port)
    first.start()
    eventually(lambda: get(port, "/healthz") == HEALTHY, "the first serves")
    second.start()
    second.start()
    eventually(lambda: second._look_in, "the second has examined what holds the port")
    assert (first.url, second.url) == (f"http://127.0.0.1:{port}", None)
    first.stop()
    first.stop()
    eventually(lambda: second.url, "the second listens")
    eventually(lambda: get(port, "/healthz") == HEALTHY, "the second serves")
    assert (first.url, second.url) == (None, f"http://127.0.0.1:{port}")
    assert warnings(caplog) == []


def test_a_foreign_program_is_logged_once_and_waited_for(keep, caplog):
    """A port held by another program causes one warning, and is opened once it is free."""
    with HTTPServer(("127.0.0.1", 0), Foreign) as foreign:
        thread = threading.Thread(target=foreign.serve_forever)
        thread.start()
        port = foreign.server_address[1]
        keeper = keep(port)
        keeper.start()
        eventually(lambda: warnings(caplog), "the warning")
        foreign.shutdown()
        thread.join()
    eventually(lambda: get(port, "/healthz") == HEALTHY, "the port is taken over")
    assert warnings(caplog) == [f"Port {port} on 127.0.0.1 is taken by another program. {UNTIL}"]


def test_a_port_is_inherited_within_a_service_only(keep, caplog):
    """A process of another service gives the port up and logs it once; a process of the same service opens it later."""
    port = free_port()
    first, sibling, stranger = keep(port, fleet="a.1"), keep(port, fleet="a.1"), keep(port, fleet="b.1")
    first.start()
    eventually(lambda: get(port, "/healthz") == HEALTHY, "the first serves")
    stranger.start()
    eventually(lambda: warnings(caplog), "the warning")
    eventually(lambda: not stranger._thread.is_alive(), "the stranger gives up")
    sibling.start()
    eventually(lambda: sibling._look_in, "the sibling has examined what holds the port")
    first.stop()
    eventually(lambda: sibling.url, "the sibling takes the port")
    assert stranger.url is None
    assert warnings(caplog) == [
        (
            f"Port {port} on 127.0.0.1 is taken by another service with hydrochat_otel. The endpoints of "
            "this service stay closed: give it another port by HYDROCHAT_PORT, or give both one OTEL_SERVICE_NAME."
        )
    ]


def test_a_process_of_the_service_with_another_state_is_named(keep, caplog):
    """If two processes of one service share no numbers, the second logs it, and opens the port once it is free."""
    port = free_port()
    first, other = keep(port, fleet="a.1"), keep(port, fleet="a.2")
    first.start()
    eventually(lambda: get(port, "/healthz") == HEALTHY, "the first serves")
    other.start()
    eventually(lambda: warnings(caplog), "the warning")
    assert warnings(caplog) == [
        (
            f"Port {port} on 127.0.0.1 is taken by a process of this service that does not share its numbers with this "
            "one. Give both one HYDROCHAT_STATE."
        )
    ]
    first.stop()
    eventually(lambda: other.url, "the other takes the port")


def test_an_address_of_another_machine_is_logged_once(keep, caplog):
    """An address that cannot be listened on causes one warning, with the server's sentence."""
    keeper = keep(free_port(), host="192.0.2.1")
    keeper.start()
    eventually(lambda: warnings(caplog), "the warning")
    assert warnings(caplog) == [
        (
            "192.0.2.1 is not an address of this machine; check that the loopback interface is up. The endpoints stay "
            "closed until that is fixed; HYDROCHAT_HOST and HYDROCHAT_PORT choose another address."
        )
    ]


def test_port_zero_takes_a_free_one(keep):
    """With port 0 each keeper opens another port."""
    first, second = keep(0), keep(0)
    first.start()
    second.start()
    eventually(lambda: first.url and second.url, "both serve")
    assert first.url != second.url


def test_a_forked_child_keeps_nothing_of_its_parents_port(keep):
    """After a fork only the parent holds the listening socket, even if it closes it before the child ends."""
    port = free_port()
    keeper = keep(port)
    keeper.start()
    eventually(lambda: get(port, "/healthz") == HEALTHY, "the parent serves")
    with socket.create_connection(("127.0.0.1", port)) as client, forked(lambda: None):
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().endswith(HEALTHY[1].encode())
        assert listeners(port) == {os.getpid()}
        keeper.stop()
        eventually(lambda: not listeners(port), "nothing listens")


def test_only_forked_processes_open_the_port_of_a_parent_that_forks(keep):
    """A keeper that is not started opens nothing; processes forked from it do."""
    port = free_port()
    keep(port, in_forks=True)
    with forked(lambda: None) as first, forked(lambda: None) as second:
        eventually(lambda: get(port, "/healthz") == HEALTHY, "one of them serves")
        (holder,) = listeners(port)
        assert holder in {first, second}
        os.kill(holder, signal.SIGKILL)
        eventually(lambda: listeners(port) - {holder} and get(port, "/healthz") == HEALTHY, "the other one serves")
        assert listeners(port) == {first, second} - {holder}
    assert listeners(port) == set()


def test_a_stopped_keeper_stays_stopped_in_forks(keep):
    """A process forked after the keeper stopped opens nothing."""
    port = free_port()
    keeper = keep(port, in_forks=True)
    keeper.stop()
    readable, writable = os.pipe()
    with forked(lambda: os.write(writable, str(keeper._thread).encode())):
        assert os.read(readable, 100) == b"None"
        assert listeners(port) == set()
    os.close(readable)
    os.close(writable)
