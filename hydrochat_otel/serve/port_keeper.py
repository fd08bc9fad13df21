"""The keeper of the port: one process of a service listens, and when it ends another of the same service takes over.

The process that listens answers for all that share its state. Nothing here waits on the host's path: a daemon thread
tries to listen at once and then about once a second.
"""

import atexit
import errno
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Final

from hydrochat_otel.fleet.discovery import service_of
from hydrochat_otel.runtime import background, failures, forks, safe_log
from hydrochat_otel.runtime.deadline_fetch import FetchError, fetch
from hydrochat_otel.runtime.forks import ForkLock, Phase
from hydrochat_otel.serve.server import Server, ServerError, numeric
from hydrochat_otel.web import Request, Response, respond
from hydrochat_otel.web.paths import HEALTH_PATH

logger: Final = logging.getLogger("hydrochat_otel")

RETRY_S: Final = 1.0
_PROBE_S: Final = 2.0
_PROBES: Final = 3
_LOOK_AGAIN: Final = 30
"""Tries until a waiting keeper checks again which program has the port."""
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read, not listened on
_HEALTHY: Final = b'{"status":"ok"}\n'
_FLEET: Final = "Hydrochat-Otel-Fleet"
"""Header in which a keeper names its fleet when it asks which program has the port; the same service answers with its
own.
"""


class PortKeeper:
    """Listens on the port as soon as it is free, and serves from then on; any thread may call.

    Args:
        host: Name or address to listen on.
        port: TCP port; 0 takes a free one.
        fleet: Identifies the processes that share their numbers and so answer for each other.
        in_forks: Whether a process that is forked from this one tries as well, whether or not this one does.
        retry_s: Seconds between two tries.
        on_open: Called with the address on the keeper's thread once this process listens.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        fleet: str = "",
        in_forks: bool = False,
        retry_s: float = RETRY_S,
        on_open: Callable[[str], None] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._fleet = fleet
        self._in_forks = in_forks
        self._retry_s = retry_s
        self._on_open = on_open
        # Held while the port is taken: a fork in between would leave the child sockets that it cannot close.
        self._lock = ForkLock(Phase.THREADS)
        self._begin()
        forks.register(Phase.THREADS, in_child=self._start_in_child)
        atexit.register(self.stop)  # also keeps the object alive in a process that does not try itself

    def _begin(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._unclear = 0
        self._look_in = 0
        self._warned = False

    @property
    def url(self) -> str | None:
        """Where this process listens; None if it does not."""
        server = self._server
        return server.url if server else None

    def start(self) -> None:
        """Start to try, in a thread of its own; a second call does nothing."""
        if self._thread is None:
            self._thread = background.start("hydrochat-otel-port", self._keep)

    def stop(self) -> None:
        """Stop trying and close the port after the current responses, within a second or two."""
        with self._lock:
            self._stopped.set()
            server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _keep(self) -> None:
        stopped = self._stopped
        while not stopped.is_set():
            try:
                if self._listens():
                    return
            except ServerError as error:
                if self._is_of_another_service(error):
                    return
            except Exception as error:
                failures.note("auto.port", error)
            stopped.wait(self._retry_s)

    def _listens(self) -> bool:
        """Take the port and serve; False if stopped meanwhile."""
        address = numeric(self._host)
        with self._lock:
            if self._stopped.is_set():
                return False
            server = self._server = Server(address, self._port, respond=partial(_answer, self._fleet))
            server.start()
        safe_log.info(logger, "Serving %s", server.url)
        if self._on_open is not None:
            self._on_open(server.url)
        return True

    # -- other holders ---------------------------------------------------------------------------------------------

    def _is_of_another_service(self, error: ServerError) -> bool:
        """Log once why this process lacks the port; return whether to leave it permanently to the holder."""
        if error.errno != errno.EADDRINUSE:
            self._warn(
                f"{error} The endpoints stay closed until that is fixed; HYDROCHAT_HOST and HYDROCHAT_PORT choose "
                "another address."
            )
            return False
        self._look_in -= 1
        if self._look_in >= 0:
            return False
        holder = self._holder()
        if holder is not _Holder.UNCLEAR:
            self._look_in = _LOOK_AGAIN
        taken = f"Port {self._port} on {self._host} is taken by"
        if holder is _Holder.SERVICE:
            self._warn(
                f"{taken} another service with hydrochat_otel. The endpoints of this service stay closed: "
                "give it another port by HYDROCHAT_PORT, or give both one OTEL_SERVICE_NAME."
            )
        elif holder is _Holder.STATE:
            self._warn(
                f"{taken} a process of this service that does not share its numbers with this one. "
                "Give both one HYDROCHAT_STATE."
            )
        elif holder is _Holder.PROGRAM:
            self._warn(
                f"{taken} another program. The endpoints stay closed until it is free; HYDROCHAT_PORT chooses another "
                "port."
            )
        return holder is _Holder.SERVICE

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            self._warned = True
            safe_log.warning(logger, "%s", sentence)

    def _holder(self) -> "_Holder":
        """Return which kind of program has the port."""
        address = numeric(self._host)
        shown = _REACHABLE.get(address, f"[{address}]" if ":" in address else address)
        try:
            found = fetch(
                f"http://{shown}:{self._port}{HEALTH_PATH}",
                headers={_FLEET: self._fleet},
                deadline_s=_PROBE_S,
                max_bytes=10_000,
            )
        except FetchError:
            # A process that has just taken the port may not serve yet.
            self._unclear += 1
            return _Holder.PROGRAM if self._unclear >= _PROBES else _Holder.UNCLEAR
        named = found.headers.get(_FLEET.lower())
        if named == self._fleet:
            return _Holder.FLEET
        if named is not None:
            return _Holder.STATE
        return _Holder.SERVICE if found.body == _HEALTHY else _Holder.PROGRAM

    # -- forks -----------------------------------------------------------------------------------------------------

    def _start_in_child(self) -> None:
        inherited, stopped = self._server, self._stopped.is_set()
        self._begin()
        if inherited is not None:
            inherited.abandon()
        if self._in_forks and not stopped:
            self.start()


class _Holder(Enum):
    FLEET = "a process that shares its numbers with this one"
    STATE = "a process of this service with another state"
    SERVICE = "a process of another service"
    PROGRAM = "another program"
    UNCLEAR = "it does not answer yet"


def _answer(fleet: str, request: Request) -> Response:
    """Answer as usual; a keeper of the same service gets the fleet as well."""
    response = respond(request)
    if service_of(request.headers.get(_FLEET.lower(), "")) != service_of(fleet):
        return response
    return replace(response, headers=(*response.headers, (_FLEET, fleet)))
