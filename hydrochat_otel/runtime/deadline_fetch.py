"""Makes one HTTP request with a deadline and a size limit, whatever the other side does.

The standard library's timeout is for each read: a server that sends a byte a second never exceeds it. Here one deadline
covers look-up, connection, TLS, headers and body. Redirects are not followed, so no credentials go to another host.
"""

import base64
import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_CHUNK_BYTES: Final = 65_536


class FetchError(Exception):
    """There is no answer; the message is a clause about the other side, without its address."""


class FetchTimeoutError(FetchError):
    """The answer was not complete before the deadline."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    deadline_s: float,
    max_bytes: int,
) -> Fetched:
    """Send one request and return the whole answer; any thread may call.

    The request runs in a thread of its own, so that not even an unresponsive name server blocks the caller; such a
    thread ends when the system's own timeout does, and never keeps the process alive.

    Args:
        url: HTTP or HTTPS; a user and password in it become basic authentication.
        method: Of the request.
        headers: Of the request.
        body: Of the request.
        deadline_s: Seconds for everything.
        max_bytes: The longest accepted body.

    Raises:
        FetchTimeoutError: The deadline passed.
        FetchError: No connection, no HTTP, or a body that is too long.
        ValueError: The URL is not HTTP or HTTPS.
    """
    target = urlsplit(url)
    connection = _connection(target, deadline_s)
    sent = {"Connection": "close", **_basic(target), **(headers or {})}
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    outcome: queue.SimpleQueue[Fetched | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            connection.request(method, path, body, sent)
            outcome.put(_read(connection.getresponse(), max_bytes))
        except Exception as error:  # raised in the caller's thread
            outcome.put(error)
        finally:
            connection.close()

    threading.Thread(target=work, name="hydrochat-otel-fetch", daemon=True).start()
    try:
        found = outcome.get(timeout=deadline_s)
    except queue.Empty:
        _hang_up(connection)
        raise FetchTimeoutError(f"did not answer within {deadline_s:g} s") from None
    if isinstance(found, Fetched):
        return found
    if isinstance(found, TimeoutError):
        raise FetchTimeoutError(f"did not answer within {deadline_s:g} s") from None
    if isinstance(found, FetchError):
        raise found
    if isinstance(found, http.client.HTTPException | ValueError):
        raise FetchError(f"does not speak HTTP ({type(found).__name__})") from None
    raise FetchError(f"is unreachable ({type(found).__name__})") from None


def _connection(target: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    if target.scheme not in {"http", "https"} or not target.hostname:
        raise ValueError("The URL must begin with http:// or https:// and name a host.")
    if target.scheme == "https":
        return http.client.HTTPSConnection(
            target.hostname, target.port, timeout=timeout_s, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(target.hostname, target.port, timeout=timeout_s)


def _basic(target: SplitResult) -> dict[str, str]:
    if target.username is None:
        return {}
    pair = f"{unquote(target.username)}:{unquote(target.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _read(response: http.client.HTTPResponse, max_bytes: int) -> Fetched:
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise FetchError(f"answers with more than {max_bytes} bytes")
    return Fetched(response.status, {name.lower(): value for name, value in response.getheaders()}, bytes(body))


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Wake a thread that waits for the other side."""
    waiting = connection.sock
    if waiting is not None:
        with suppress(OSError):
            waiting.shutdown(socket.SHUT_RDWR)
