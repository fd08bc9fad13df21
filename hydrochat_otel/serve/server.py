"""The standalone server: the web side on a port of its own, by waitress."""

import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from hydrochat_otel.runtime.waitress_thread import ServingThread
from hydrochat_otel.serve.bounded_server import OPTIONS, BoundedServer
from hydrochat_otel.web import Request, Response, respond

_THREADS: Final = 8
_STOP_WITHIN_S: Final = 0.8


class ServerError(OSError):
    """The address cannot be listened on; the message is one sentence, and `errno` is the system's."""


class Server:
    """Listens once constructed, so that a taken port fails in the caller; serves after :meth:`start`.

    Args:
        host: Name or address to listen on.
        port: TCP port; 0 takes a free one.
        app: A WSGI application to serve in place of the site.
        respond: Answers the requests to the site.

    Raises:
        ServerError: The address cannot be listened on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        app: Callable[..., Iterable[bytes]] | None = None,
        *,
        respond: Callable[[Request], Response] = respond,
    ) -> None:
        self._app = app
        self._respond = respond if app is None else None
        self._socket = _listen(host, port)
        self._serving: ServingThread | None = None
        address, self.port = self._socket.getsockname()[:2]
        wildcard = ipaddress.ip_address(address).is_unspecified
        shown = "127.0.0.1" if wildcard else f"[{address}]" if ":" in address else address
        self.url = f"http://{shown}:{self.port}"

    def __repr__(self) -> str:
        return f"<Server at {self.url}, {'listening' if self._serving is None else 'serving'}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve in a thread of its own until :meth:`stop`."""
        self._serving = ServingThread(
            self._app,
            self._socket,
            name="hydrochat-otel-server",
            server_class=partial(BoundedServer, respond=self._respond),
            threads=_THREADS,
            **OPTIONS,
        )

    def abandon(self) -> None:
        """Close what a forked child inherited, without sending anything: the parent continues the connections."""
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.abandon()
        self._socket.close()
        _close_all_of(self.port)

    def stop(self) -> None:
        """Finish the current responses, at most for a second, and close the port. May be called again."""
        serving, self._serving = self._serving, None
        if serving is None:
            self._socket.close()
        else:
            serving.end(_STOP_WITHIN_S)


def _close_all_of(port: int) -> None:
    """Close connections that a thread of the parent had just accepted and not yet registered."""
    # A default timeout would make the socket behind each inspected descriptor non-blocking, in the parent as well.
    timeout_s = socket.getdefaulttimeout()
    socket.setdefaulttimeout(None)
    try:
        for descriptor in os.listdir("/dev/fd"):  # noqa: PTH208 - only the names are needed
            with suppress(OSError):
                _close_if_of(port, int(descriptor))
    except OSError:
        return  # a system without that directory
    finally:
        socket.setdefaulttimeout(timeout_s)


def _close_if_of(port: int, descriptor: int) -> None:
    found = socket.socket(fileno=descriptor)
    is_ours = False
    try:
        internet = found.family in {socket.AF_INET, socket.AF_INET6} and found.type == socket.SOCK_STREAM
        is_ours = internet and found.getsockname()[1] == port
    finally:
        found.close() if is_ours else found.detach()


def numeric(host: str) -> str:
    """Return the address of a name; a slow name server may take seconds.

    Raises:
        ServerError: The name has no address.
    """
    return str(_addresses(host, 0)[0][4][0])


def _addresses(host: str, port: int) -> list[Any]:
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    except OSError:
        raise ServerError(f"{host} has no address.") from None


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = _addresses(host, port)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        refused = ServerError(_sentence(error, host, port))
        refused.errno = error.errno
        raise refused from None
    return listening


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program; choose another one with --port."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"Port {port} on {host} needs more rights than this user has; choose one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; check that the loopback interface is up."
    return f"Listening on port {port} of {host} failed: {error.strerror}."
