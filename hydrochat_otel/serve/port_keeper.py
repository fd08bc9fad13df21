"""The keeper of the port: of all processes of a service one listens, and when it ends another takes its place.

Whoever listens answers for all, as far as the state is shared. Nothing here waits on the host's path: a daemon thread
tries to listen at once and then about once a second.
"""

import atexit
import errno
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from hydrochat_otel.runtime import failures, forks
from hydrochat_otel.runtime.deadline_fetch import FetchError, fetch
from hydrochat_otel.runtime.forks import ForkLock, Phase
from hydrochat_otel.serve.server import Server, ServerError, numeric
from hydrochat_otel.web import wsgi_app
from hydrochat_otel.web.paths import HEALTH_PATH

logger: Final = logging.getLogger("hydrochat_otel")

RETRY_S: Final = 1.0
_PROBE_S: Final = 2.0
_PROBES: Final = 3
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read, not listened on
_HEALTHY: Final = b'{"status":"ok"}\n'
_FLEET: Final = "Hydrochat-Otel-Fleet"
"""The header in which a keeper names its fleet when it asks who has the port, and which one of the fleet gives back."""
_FLEET_ASKED: Final = f"HTTP_{_FLEET.upper().replace('-', '_')}"


class PortKeeper:
    """Listens on the port as soon as nobody else does, and serves from then on; any thread may call.

    Args:
        host: Name or address to listen on.
        port: TCP port; 0 takes a free one.
        fleet: Names the processes that answer for each other, so that one that does not is told from them.
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
        # Held while the port is taken: a fork in between would leave the child sockets that it does not know.
        self._lock = ForkLock(Phase.THREADS)
        self._begin()
        forks.register(Phase.THREADS, in_child=self._start_in_child)
        atexit.register(self.stop)  # also keeps it alive in a process that does not try itself

    def _begin(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._unclear = 0
        self._told = False

    @property
    def url(self) -> str | None:
        """Where this process listens; None while it does not."""
        server = self._server
        return server.url if server else None

    def start(self) -> None:
        """Begin to try, in a thread of its own; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="hydrochat-otel-port", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop trying and close the port, after the answers under way; at most a second or two."""
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
                self._tell(error)
            except Exception as error:
                failures.note("auto.port", error)
            stopped.wait(self._retry_s)

    def _listens(self) -> bool:
        """Take the port and serve; False when stopped meanwhile."""
        address = numeric(self._host)
        with self._lock:
            if self._stopped.is_set():
                return False
            server = self._server = Server(address, self._port, partial(_answer, self._fleet))
            server.start()
        logger.info("Serving %s", server.url)
        if self._on_open is not None:
            self._on_open(server.url)
        return True

    # -- telling ---------------------------------------------------------------------------------------------------

    def _tell(self, error: ServerError) -> None:
        """Say once why there is no port here; that another process of the service has it is no news."""
        if self._told:
            return
        if error.errno != errno.EADDRINUSE:
            self._told = True
            self._warn(str(error))
        elif (holder := self._holder()) is not None:
            self._told = True
            if holder:
                self._warn(f"Port {self._port} on {self._host} is taken by another {holder}.")

    def _warn(self, sentence: str) -> None:
        logger.warning("%s The endpoints stay closed until it is free; HYDROCHAT_PORT chooses another one.", sentence)

    def _holder(self) -> str | None:
        """Return who else has the port; empty where it is one of the fleet, None as long as that is not clear."""
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
            # Who has just taken the port may not serve yet.
            self._unclear += 1
            return "program" if self._unclear >= _PROBES else None
        if found.headers.get(_FLEET.lower()) == self._fleet:
            return ""
        return "service that is measured like this one" if found.body == _HEALTHY else "program"

    # -- forks -----------------------------------------------------------------------------------------------------

    def _start_in_child(self) -> None:
        inherited, stopped = self._server, self._stopped.is_set()
        self._begin()
        if inherited is not None:
            inherited.abandon()
        if self._in_forks and not stopped:
            self.start()


def _answer(fleet: str, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as ever, and say yes to a keeper that asks for its own fleet."""

    def start(status: str, headers: list[tuple[str, str]]) -> Any:
        is_ours = environ.get(_FLEET_ASKED) == fleet
        return start_response(status, [*headers, (_FLEET, fleet)] if is_ours else headers)

    return wsgi_app(environ, start)
