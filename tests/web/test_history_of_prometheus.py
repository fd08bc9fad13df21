"""Promises of :mod:`hydrochat_otel.views.history.prometheus_api`: one shape, whatever Prometheus answers."""

import contextlib
import socket
import threading
import time

import pytest
from misbehaving import listening, says
from web.asking_history import SCHEMA, SCRAPED, ask

from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.views.history import Steps, from_prometheus
from hydrochat_otel.views.prometheus_server import PrometheusError


def matrix(*series):
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}}


def column(name, *values):
    return {"metric": {"column": name}, "values": [list(pair) for pair in values]}


STEPS = Steps.over(1007.0, 30, 10)


def test_an_answer_of_prometheus_becomes_the_same_shape():
    """Columns become rows: whole counts, no percentile in an empty step, a value covers the step before it."""
    answer = matrix(
        column("count", [990, "0"], [1000, "0.3"], [1010, "3.9"]),
        column("seconds", [1000, "0.1"], [1010, "7.8"]),
        column("p50", [990, "NaN"], [1000, "0.2"], [1010, "1.5"]),
        column("p95", [1010, "2.5"]),
        column("p99", [1010, "+Inf"]),
        column("errors", [1010, "1.3"]),
        column("tokens", [1000, "10.2"]),
        column("cost_usd", [1000, "0.00012"]),
    )
    with listening(says(answer)) as url:
        found = from_prometheus(url, STEPS)
    SCHEMA.validate(found)
    assert (found["source"], found["complete_since"], found["step_s"]) == ("prometheus", None, 10)
    assert found["steps"] == [
        {"start": "1970-01-01T00:16:20+00:00", **SCRAPED},
        {"start": "1970-01-01T00:16:30+00:00", **SCRAPED, "total_tokens": 10, "total_cost_usd": 0.00012},
        {
            "start": "1970-01-01T00:16:40+00:00",
            **SCRAPED,
            "count": 4,
            "avg_response_time": pytest.approx(2.0),
            "p50_response_time": 1.5,
            "p95_response_time": 2.5,
            "errors": 1,
            "error_rate": pytest.approx(1 / 3),
        },
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"[]", b"null", b'"success"', b"\xff\xfe", b'{"status":"success"}',
        b'{"status":"success","data":null}',
        {"status": "error", "errorType": "bad_data"},
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        matrix({"metric": {}, "values": []}),
        matrix(column("S1234567D", [1000, "1"])),
        matrix(column("count", [1000, "1"]), column("count", [1000, "1"])),
        matrix(column("count", [1000, "-1"])),
        matrix(column("count", [1000, "NaN"])),
        matrix(column("count", [1000, "+Inf"])),
        matrix(column("count", [1000, 1])),
        matrix(column("count", [1000, "one"])),
        matrix(column("count", [5000, "1"])),
        matrix(column("count", [10, "1"])),
        matrix(column("count", ["NaN", "1"])),
        matrix(column("count", [1e999, "1"])),
        matrix(column("count", [1000])),
        matrix({"metric": {"column": "count"}, "values": 7}),
        matrix({"metric": {"column": ["count"]}, "values": []}),
        matrix("count"),
    ],
)  # fmt: skip
def test_a_wrong_answer_of_prometheus_is_502(answer):
    """An answer that does not fit the query is refused whole; no part of it is shown."""
    with listening(says(answer)) as url, pytest.raises(PrometheusError) as caught:
        from_prometheus(url, STEPS)
    assert caught.value.status == 502
    assert str(caught.value).startswith("Prometheus at HYDROCHAT_PROMETHEUS_URL ")
    assert "S1234567D" not in str(caught.value)


def hang_up(connection):
    connection.recv(10)


def babble(connection):
    connection.sendall(b"220 mail.example ESMTP\r\n")
    time.sleep(0.2)


def endless_body(connection):
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 1_000_000)


def endless_headers(connection):
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: of the same\r\n" * 1000)


@pytest.mark.parametrize(
    ("behave", "status"),
    [
        (hang_up, 502),
        (babble, 502),
        (endless_body, 502),
        (endless_headers, 502),
        (says(b"", "301 Moved", b"Location: http://127.0.0.1:1/\r\n"), 502),
        (says(b"", "401 Unauthorized"), 502),
        (says(b'{"status":"error","errorType":"timeout"}', "503 Service Unavailable"), 504),
        (says(b"", "504 Gateway Timeout"), 504),
        (says(b"", "999 ?"), 502),
    ],
)
def test_a_broken_and_a_late_prometheus_have_different_statuses(behave, status):
    """No HTTP, too much data, a redirect, a refusal: 502; a timeout of its own: 504."""
    with listening(behave) as url, pytest.raises(PrometheusError) as caught:
        from_prometheus(url, STEPS)
    assert caught.value.status == status


def silent(connection):
    connection.recv(65_536)
    threading.Event().wait(20)


def one_byte_at_a_time(connection):
    connection.recv(65_536)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.01)


def slow_body(connection):
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.01)


@pytest.mark.parametrize("behave", [silent, one_byte_at_a_time, slow_body])
def test_a_prometheus_that_is_slow_is_504(behave):
    """A Prometheus that sends nothing, or a byte now and then, is late at the deadline, and blocks no longer."""
    with listening(behave) as url, pytest.raises(PrometheusError) as caught:
        from_prometheus(url, STEPS, deadline_s=0.3)
    assert (caught.value.status, str(caught.value)) == (
        504,
        "Prometheus at HYDROCHAT_PROMETHEUS_URL did not answer within 0.3 s.",
    )


def test_only_a_few_queries_run_at_once():
    """If Prometheus hangs, later requests get 503 at once and hold no thread of the server."""
    arrived, statuses = threading.Barrier(5), []

    def behave(connection):
        arrived.wait(10)
        silent(connection)

    def question(url):
        try:
            from_prometheus(url, STEPS, deadline_s=1.5)
        except PrometheusError as error:
            statuses.append(error.status)

    with listening(behave) as url:
        threads = [threading.Thread(target=question, args=(url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        arrived.wait(10)
        question(url)
        assert statuses == [503]
        for thread in threads:
            thread.join()
    assert statuses == [503] + [504] * 4


def test_no_prometheus_is_502_with_a_sentence(install):
    """An address where nothing listens gives one sentence, without the address and the password in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    install(prometheus_url=f"http://reader:secret-of-the-tests@127.0.0.1:{port}/sub")
    assert ask() == (
        502,
        {"error": "Prometheus at HYDROCHAT_PROMETHEUS_URL is unreachable (ConnectionRefusedError)."},
    )


def test_the_address_may_carry_a_path_and_a_password():
    """User, password and path of the address are used; the query is sent as a form."""
    received = []

    def behave(connection):
        received.append(connection.recv(65_536))
        says(matrix())(connection)

    with listening(behave) as url, contextlib.suppress(PrometheusError):
        from_prometheus(url.replace("//", "//me:p%40ss@") + "/prometheus/", STEPS, deadline_s=0.5)
    head = received[0].decode().split("\r\n")
    assert head[0] == "POST /prometheus/api/v1/query_range HTTP/1.1"
    assert "Authorization: Basic bWU6cEBzcw==" in head


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("prometheus_url", "prometheus:9090"),
        ("prometheus_url", "ftp://prometheus"),
        ("prometheus_url", "http://"),
        ("prometheus_url", "http://prometheus:port"),
        ("prometheus_url", "http://prometheus/?x=1"),
        ("prometheus_url", "http://prome theus"),
        ("prometheus_matchers", "chat"),
        ("prometheus_matchers", 'job="chat"}) or vector(1) #'),
        ("prometheus_matchers", 'job="a" or "b"'),
        ("prometheus_matchers", '{job="chat"}'),
    ],
)
def test_invalid_settings(setting, value):
    """An invalid address, and matchers that are more than matchers, stop the start."""
    with pytest.raises(SettingsError, match=f"^{setting}=.* is not allowed: it must be "):
        Settings.load(**{setting: value})


def test_a_password_in_the_address_is_not_shown():
    """The address of Prometheus may hold a password, so neither the record nor the error shows it."""
    assert "of-the-tests" not in repr(Settings.load(prometheus_url="http://me:of-the-tests@prometheus:9090/"))
    with pytest.raises(SettingsError) as caught:
        Settings.load(prometheus_url="http://me:of-the-tests@/")
    assert "of-the-tests" not in str(caught.value)
