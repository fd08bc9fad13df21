"""Ports for servers of the tests."""

import contextlib
import os
import random
import socket

_RANGE = range(10_000, 32_000)
"""Below the ports that the system gives to outgoing connections, so that none of them takes one meanwhile."""
_random = random.Random()
_tried: set[tuple[int, int]] = set()


def free_port() -> int:
    """Return a port of loopback that nothing listens on, and that this process has not returned before."""
    while True:
        port = _random.choice(_RANGE)
        if (os.getpid(), port) in _tried:
            continue
        _tried.add((os.getpid(), port))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
