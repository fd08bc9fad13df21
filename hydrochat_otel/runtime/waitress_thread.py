"""A waitress server in a thread of its own, which another thread may end."""

import os
import socket
import threading
from typing import Any

import waitress.server


class ServingThread:
    """Serves from construction on, until :meth:`end`.

    Args:
        app: The WSGI application.
        listening: A socket that listens already: a server that found its port taken would leave its threads behind.
        name: The thread's name.
        options: What else waitress is told.
    """

    def __init__(self, app: Any, listening: socket.socket, name: str, **options: Any) -> None:
        self._sockets: dict[int, Any] = {}
        server: Any = waitress.server.create_server(app, map=self._sockets, sockets=[listening], **options)
        self.tasks = server.task_dispatcher
        self._trigger = server.trigger
        self._thread = threading.Thread(target=server.run, name=name, daemon=True)
        self._thread.start()

    def end(self, within_s: float) -> None:
        """Give the answers under way that long, close the port and all connections, and wait as long for the thread."""
        # Workers first: one that ends later would wake a loop whose pipe is gone, or belongs to somebody else by then.
        self.tasks.shutdown(timeout=within_s)
        # A worker's last wake-up may make the loop close its pipe before our own, which comes later, is written to it.
        woken = threading.Event()

        def close() -> None:
            woken.wait(within_s)
            for channel in list(self._sockets.values()):
                channel.close()

        self._trigger.pull_trigger(close)
        woken.set()
        self._thread.join(within_s)

    def abandon(self) -> None:
        """Close what a forked child inherited: the parent goes on with all of it, and nobody is told anything."""
        for channel in list(self._sockets.values()):
            channel.socket.close()
        for descriptor in self._trigger._fds:  # noqa: SLF001 - no public name
            os.close(descriptor)
