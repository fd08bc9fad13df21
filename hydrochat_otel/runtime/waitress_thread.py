"""A waitress server in a thread of its own, which another thread may end."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

_logger: Final = logging.getLogger("hydrochat_otel.server.tasks")
_logger.setLevel(logging.ERROR)


class _Tasks(ThreadedTaskDispatcher):  # type: ignore[misc] # waitress has no types
    """Logs no warning: clients that wait a moment, or are cut off at the end, are not worth one in the host's log."""

    logger = _logger
    queue_logger = _logger


class ServingThread:
    """Serves from construction on, until :meth:`end`.

    Args:
        app: The WSGI application.
        listening: A listening socket: a server whose port is taken would leave its threads behind.
        name: The thread's name.
        server_class: The kind of server.
        options: Options of waitress.
    """

    def __init__(
        self,
        app: Any,
        listening: socket.socket,
        name: str,
        *,
        server_class: Callable[..., Any] = TcpWSGIServer,
        **options: Any,
    ) -> None:
        self._sockets: dict[int, Any] = {}
        adjustments = Adjustments(sockets=[listening], **options)
        self.tasks: Any = _Tasks()
        self.tasks.set_thread_count(adjustments.threads)
        server: Any = server_class(
            app,
            self._sockets,
            _sock=listening,
            dispatcher=self.tasks,
            adj=adjustments,
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
            bind_socket=False,
        )
        self._server = server
        self._trigger = server.trigger
        self._thread = threading.Thread(target=server.run, name=name, daemon=True)
        self._thread.start()

    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._server.active_channels)

    def end(self, within_s: float) -> None:
        """Give the current responses that long, close the port and all connections, and wait as long for the thread."""
        # Workers first: one that ends later would wake a loop whose pipe is closed, or reused by the host by then.
        self.tasks.shutdown(timeout=within_s)
        # A worker's last wake-up may make the loop close its pipe before our own later wake-up is written to it.
        woken = threading.Event()

        def close() -> None:
            woken.wait(within_s)
            for channel in list(self._sockets.values()):
                channel.close()

        self._trigger.pull_trigger(close)
        woken.set()
        self._thread.join(within_s)

    def abandon(self) -> None:
        """Close what a forked child inherited, without sending anything: the parent continues the connections."""
        for channel in list(self._sockets.values()):
            channel.socket.close()
        for descriptor in self._trigger._fds:  # noqa: SLF001 - no public name
            os.close(descriptor)
