"""Whole HTTP requests on a socket, good and broken, from a seed; and what must hold whatever is sent.

Each file of the corpus is one conversation on a connection; the generator makes new ones and mutates those.
"""

import contextlib
import http.client
import random
import socket
import time
from dataclasses import dataclass
from pathlib import Path

TOKEN = "token-of-the-tests-1234"
CORPUS = Path(__file__).parent / "corpus" / "requests"

METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "G\u00c4T",
    "",
    "PRI",
    "X" * 300,
]
API = "/api/hydrochat/metrics"
PATHS = [
    *(
        "/",
        "/metrics",
        "/metrics/",
        "/healthz",
        "/session",
        "/session/end",
        "//",
        "*",
        "?",
        "/%00",
        "/%ff%fe",
        "/\u00e4",
    ),
    *(
        "/page/page.js",
        "/page/../x",
        "/page/%2e%2e/x",
        "/a?b=c&b=d",
        "http://x/metrics",
        "http://[::1",
        "/" + "x" * 9000,
    ),
    *(f"{API}/{name}" for name in ("export/", "export", "history/", "overview/", "openapi/", "export/schema/")),
]
QUERIES = [
    *("", "?limit=1", "?limit=0", "?cursor=%00", "?since=9999-12-31T23:59:60%2B23:59", "?window=1s&step=99w"),
    "?" + "a&" * 1500,
]
VERSIONS = ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1.1 ", "", "http/1.1", "HTTP/1." + "1" * 50]
HEADERS = [
    *("Host: x", "Host:", "Connection: close", "Connection: keep-alive", "Connection: upgrade", "Expect: 100-continue"),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked"),
    *(f"Content-Length: {length}" for length in ("0", "5", "-1", "900000000", "5, 6", "9" * 5000, "\u00b2")),
    *("Cookie: hydrochat_session=a.1.b", f"Cookie: hydrochat_session=a.{'9' * 200}.b", "Cookie: =;;=\x00"),
    *(f"Authorization: {word}" for word in (f"Bearer {TOKEN}", "Bearer \xff", "Basic x")),
    *(f"Accept: {kinds}" for kinds in ("text/plain;version=1.0.0", "*/*;q=nan", ",".join(["a/b;q=0.1"] * 500))),
    *("Accept-Encoding: gzip;q=", "If-None-Match: *", 'If-None-Match: W/"x"', "Range: bytes=0-"),
    *(" folded", "\tfolded", "No colon", "A\x00b: c", "X: " + "y" * 17000, "\x7f: \x01"),
    *("X-Forwarded-For: 1.2.3.4", "Sec-Fetch-Site: cross-site", "Hydrochat-Otel-Fleet: \xff"),
    "Content-Type: multipart/form-data; boundary=x",
]
BODIES = [
    *(b"", b"token=x", b"5\r\nhello\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFFF\r\n", b"0\r\nTrailer: x\r\n\r\n", b"-1\r\n"),
    b"\x00" * 6000,
]
ENDS = ["\r\n", "\n", "\r", "\r\r\n"]


@dataclass
class Outcome:
    """The result of a run: executions, and each broken promise in a sentence."""

    executions: int
    statuses: dict
    broken: list


def conversation(random_):
    """Return the bytes of one connection, as packets."""
    kept = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    data = random_.choice(kept) if random_.random() < 0.3 else _requests(random_)
    for _ in range(random_.choice([0, 0, 1, 3])):
        data = _mutated(random_, data)
    cuts = sorted(random_.randrange(len(data) + 1) for _ in range(random_.choice([0, 0, 1, 4])))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if begin < end]


def _requests(random_):
    return b"".join(_request(random_) for _ in range(random_.choice([1, 1, 1, 2, 40])))


def _request(random_):
    end = "\r\n" if random_.random() < 0.9 else random_.choice(ENDS)
    usual = random_.random() < 0.6
    first = " ".join(
        [
            random_.choice(METHODS[:3]) if usual else random_.choice(METHODS),
            random_.choice(PATHS) + random_.choice(QUERIES),
            "HTTP/1.1" if usual else random_.choice(VERSIONS),
        ]
    )
    headers = [random_.choice(HEADERS) for _ in range(random_.choice([0, 1, 2, 3, 8]))]
    return end.join([first, *headers, "", ""]).encode("utf-8") + random_.choice(BODIES)


def _mutated(random_, data):
    if not data:
        return data
    at = random_.randrange(len(data))
    return random_.choice(
        [
            lambda: data[:at] + bytes([random_.randrange(256)]) + data[at + 1 :],
            lambda: data[:at],
            lambda: data[:at] + data[at : at + 20] * 3 + data[at + 20 :],
            lambda: data[at:] + data[:at],
            lambda: data[:at] + random_.choice(BODIES) + data[at:],
        ]
    )()


def run(port, seconds, seed, *, health_every=50):
    """Send requests until the time is over; a client with the token must be served throughout."""
    random_ = random.Random(seed)
    outcome = Outcome(0, {}, [])
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        packets = conversation(random_)
        status = _talk(port, packets)
        outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
        if status.startswith("5") and status != "501":  # a transfer coding that does not exist is 501
            outcome.broken.append(f"{status} for {b''.join(packets)[:300]!r}")
        outcome.executions += 1
        if outcome.executions % health_every == 0 and _scrape(port) != 200:
            outcome.broken.append(f"no scrape after {b''.join(packets)[:300]!r}")
    return outcome


def _talk(port, packets):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.settimeout(0.02)
        received = b""
        for packet in packets:
            with contextlib.suppress(OSError):
                client.sendall(packet)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        client.settimeout(10)
        with contextlib.suppress(OSError):
            while (data := client.recv(65536)) and len(received) < 2_000_000:
                received += data
    words = received[:30].split(b" ")
    return words[1].decode("latin-1") if received.startswith(b"HTTP/1.") and len(words) > 1 else "none"


def _scrape(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        return connection.getresponse().status
