"""Checks of the endpoints' access: the token, the address, and which program has the port."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from typing import Final

from hydrochat_otel.doctor.findings import Finding, Level, Subject
from hydrochat_otel.runtime.deadline_fetch import FetchError, fetch

_PROBE_S: Final = 2.0
_HEALTHY: Final = 200
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on


def token(subject: Subject) -> Iterator[Finding]:
    """Report whether a scraper has a token."""
    if subject.settings is None:
        return
    if subject.settings.metrics_token is None:
        yield Finding(
            "token",
            Level.PROBLEM,
            "No token is configured: page, export and /metrics are closed, except for staff under Django.",
            "Set HYDROCHAT_METRICS_TOKEN to at least 16 characters; `openssl rand -hex 24` makes a good one.",
        )
    else:
        yield Finding("token", Level.OK, "A token is configured; without it the endpoints answer 401.")


def reach(subject: Subject) -> Iterator[Finding]:
    """Report from where the port is reachable."""
    if subject.settings is None:
        return
    host = subject.settings.host
    try:
        address = ipaddress.ip_address(str(socket.getaddrinfo(host, 0)[0][4][0]).partition("%")[0])
    except (OSError, ValueError):
        yield Finding(
            "reach",
            Level.PROBLEM,
            f"HYDROCHAT_HOST={host} is not an address of this machine.",
            "Use 127.0.0.1 or 0.0.0.0.",
        )
        return
    if address.is_loopback:
        yield Finding("reach", Level.OK, f"The port is reachable from this machine only ({host}).")
    else:
        yield Finding(
            "reach",
            Level.WARNING if address.is_unspecified else Level.NOTE,
            f"Every machine that reaches {host} reaches the port, and the token travels in plain HTTP.",
            "Put a proxy with TLS or a network policy before it, or set HYDROCHAT_HOST to 127.0.0.1.",
        )


def port(subject: Subject) -> Iterator[Finding]:
    """Report whether the port is free, ours, or another program's."""
    if subject.settings is None or subject.settings.port == 0:
        return
    host, number = subject.settings.host, subject.settings.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, number))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            cure = "Choose another HYDROCHAT_PORT or HYDROCHAT_HOST."
            yield Finding("port", Level.PROBLEM, f"Port {number} on {host}: {error.strerror}.", cure)
            return
    else:
        yield Finding("port", Level.OK, f"Port {number} on {host} is free.")
        return
    if _is_ours(host, number):
        yield Finding(
            "port", Level.OK, f"Port {number} on {host} is held by a service with hydrochat_otel, perhaps this one."
        )
    else:
        yield Finding(
            "port",
            Level.PROBLEM,
            f"Port {number} on {host} is taken by another program.",
            "Set HYDROCHAT_PORT to a free port.",
        )


def _is_ours(host: str, number: int) -> bool:
    host = _EVERYWHERE.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    try:
        found = fetch(f"http://{shown}:{number}/healthz", deadline_s=_PROBE_S, max_bytes=10_000)
    except FetchError:
        return False
    return found.status == _HEALTHY and found.body.startswith(b'{"status":"ok"')


CHECKS: Final = (token, reach, port)
