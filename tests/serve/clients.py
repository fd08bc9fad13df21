"""Clients of our server: whole requests, and sockets that send what a test gives them."""

import contextlib
import http.client
import socket

import pytest
from conftest import TOKEN

from hydrochat_otel import web

SCRAPE = {"Authorization": f"Bearer {TOKEN}"}


def scrape(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", web.METRICS_PATH, headers=SCRAPE)
        return connection.getresponse().status


@contextlib.contextmanager
def connected(server, *sent):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        for data in sent:
            client.sendall(data)
        yield client


def answer_of(client):
    """Return everything until the server closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return received


def one_answer(client):
    """Return head and body of an answer in JSON."""
    received = b""
    while not received.endswith(b"}\n"):
        received += client.recv(1000) or pytest.fail(f"closed after {received}")
    return received
