"""waitress with bounds for anonymous clients: the size and time of a request, and which connection is closed first.

waitress itself bounds neither the time of a request nor that of an answer, stops accepting when it has its connections,
and writes what does not fit into memory to the host's temporary directory. This module sets or replaces all of it,
through the classes that waitress lets a server choose.
"""

import copy
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from hydrochat_otel.runtime import failures
from hydrochat_otel.serve.bounded_requests import BoundedParser, BoundedTask, Repeated, Respond
from hydrochat_otel.web.networks import network_of

MAX_CONNECTIONS: Final = 128
REQUEST_WITHIN_S: Final = 10.0
"""Seconds from the first byte of a request, or from connecting, until the whole request has arrived."""
ANSWER_WITHIN_S: Final = 30.0
"""Seconds until an answer is made and received by the client."""
IDLE_S: Final = 120.0
SEND_BUFFER_BYTES: Final = 1 << 18
"""An answer of this size is sent in one step: waitress sends as much at a time as the system's buffer takes."""
_SETTLED_S: Final = 1.0
"""A connection that has sent no complete request for this long is closed first."""
_NO_DESCRIPTOR_S: Final = 1.0
"""Pause in accepting if the process has no descriptor left: the connection stays in the system's queue."""

OPTIONS: Final[dict[str, Any]] = {
    "asyncore_use_poll": True,  # select() refuses descriptors from 1024 on, which a large host has
    "channel_timeout": int(IDLE_S),
    "cleanup_interval": 1,
    "clear_untrusted_proxy_headers": True,
    "connection_limit": MAX_CONNECTIONS + 64,  # never reached: from MAX_CONNECTIONS on another connection is closed
    "ident": None,
    "inbuf_overflow": 1 << 20,  # no body reaches it, so nothing is written to disk
    "log_socket_errors": False,  # a client that disconnects is not worth a line in the application's log
    "max_request_body_size": 16_384,
    "max_request_header_size": 16_384,
    "outbuf_high_watermark": 1 << 28,  # answers are complete in memory; a thread never waits for a client
    "outbuf_overflow": 1 << 28,
}


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """One connection; its methods run on the thread of the loop, except `service`, which runs on a worker."""

    task_class = BoundedTask
    _head: bytes | None = None
    """The head of an answer that waits for its body; empty until it is written, None if none waits."""
    _is_sending = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.repeated = Repeated()
        self.parser_class = partial(BoundedParser, repeated=self.repeated)
        self.request: Any
        self.requests: list[Any]
        self.network = network_of(str(self.addr[0])) if self.addr else ""
        self._served = 0
        self._served_when_busy = 0
        self._waiting_since_s: float | None = time.monotonic()
        self._busy_since_s: float | None = None

    def received(self, data: bytes) -> bool:
        """Take bytes; one request that was sent ahead of an answer is kept, and the connection ends after it."""
        taken: bool = super().received(data)
        with self.requests_lock:
            if len(self.requests) > 1:
                for dropped in self.requests[2:]:
                    dropped.close()
                del self.requests[2:]
                self.requests[1].headers["CONNECTION"] = "close"
                self.requests[1].version = "1.1"
                self.request = None
            if self.request is None:
                self._waiting_since_s = None
            elif self._waiting_since_s is None:
                self._waiting_since_s = time.monotonic()
        return taken

    def begin_answer(self, *, ends: bool) -> None:
        """Prepare for an answer whose head is written next.

        The worker sends it without waiting for the client; sent by the loop, it would wait for two more turns. The loop
        sends what the system's buffer does not take, and an answer that ends the connection.
        """
        self.adj = self.server.adj if ends else self.server.adj_at_once
        self._head = b""

    def write_soon(self, data: bytes) -> int:
        """Send a part of an answer, its head together with what follows."""
        head = self._head
        if head == b"":
            self._head = data
            return len(data)
        self._head = None
        self._send(head + data if head else data)
        return len(data)

    def end_answer(self) -> None:
        """Send a head that no body follows; what is written without :meth:`begin_answer` is sent by the loop."""
        head, self._head = self._head, None
        if head:
            self._send(head)
        self.adj = self.server.adj

    def _send(self, data: bytes) -> None:
        """Send, or leave it to the loop, which looks again when the answer is complete."""
        self._is_sending = True
        try:
            if self.adj is self.server.adj_at_once:
                data = self._unsent(data)
            super().write_soon(data)
        finally:
            self._is_sending = False

    def _unsent(self, data: bytes) -> bytes:
        """Send without waitress' buffers, which take as long as sending; return what the system's does not take."""
        with self.outbuf_lock:
            if self.total_outbufs_len or not self.connected:
                return data
            sent, _ = self._flush_exception(partial(self.send, data), do_close=False)
        self.last_activity = time.time()
        return data[sent:]

    def writable(self) -> bool:
        """Return whether the loop has something to send; not while a worker does.

        The loop would find the socket ready and the lock taken, again and again, and keep the worker from running.
        """
        return not self._is_sending and bool(super().writable())

    def service(self) -> None:
        """Answer one request; an exception ends this connection and nothing else."""
        try:
            super().service()
        except BaseException as error:  # in a thread of ours: a KeyboardInterrupt here is no Ctrl-C
            try:
                with self.requests_lock:
                    self.requests = []
                self.will_close = True  # not `cancel()`, after which waitress 3.0.0 leaves the connection open
                self.server.pull_trigger()
            except OSError:  # the server is already closed
                pass
            finally:
                failures.note("serve", error, own_thread=True)
        finally:
            self._served += 1

    def is_overdue(self, now_s: float) -> bool:
        """Return whether the client has used up its time for the request, the answer, or the pause between them."""
        if self.requests or self.total_outbufs_len:
            if self._busy_since_s is None or self._served != self._served_when_busy:
                self._busy_since_s, self._served_when_busy = now_s, self._served
            return now_s - self._busy_since_s > ANSWER_WITHIN_S
        self._busy_since_s = None
        if self._waiting_since_s is not None:
            return now_s - self._waiting_since_s > REQUEST_WITHIN_S
        idle_s: float = time.time() - self.last_activity
        return idle_s > IDLE_S

    def rank(self, now_s: float) -> int:
        """Return the order of closing: stalled, then idle, then new, then with an answer in transfer."""
        if self.total_outbufs_len:
            return 3
        if self._waiting_since_s is None:
            return 1
        return 0 if now_s - self._waiting_since_s > _SETTLED_S else 2


class BoundedServer(TcpWSGIServer):  # type: ignore[misc]
    """Accepts at most :data:`MAX_CONNECTIONS`; a further one replaces the least useful one.

    Args:
        respond: Answers in place of the WSGI application; None for that application.
    """

    channel_class = BoundedChannel
    _pause_until_s = 0.0

    def __init__(self, *arguments: Any, respond: Respond | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.respond = respond
        # Whether a worker sends: as an option waitress deprecates it. A version that does not read it sends each part.
        self.adj.send_bytes = SEND_BUFFER_BYTES
        self.adj_at_once = copy.copy(self.adj)
        self.adj_at_once.send_bytes = 1

    def readable(self) -> bool:
        """Return whether connections are accepted now; also checks the open ones, about once a second."""
        accepts: bool = super().readable()
        return accepts and time.monotonic() >= self._pause_until_s

    def handle_accept(self) -> None:
        """Accept one connection and keep the bound."""
        try:
            accepted = self.accept()
        except OSError:
            # Usually out of descriptors. The socket stays readable: without a pause the loop would spin.
            self._pause_until_s = time.monotonic() + _NO_DESCRIPTOR_S
            return
        if accepted is None:
            return
        connection, address = accepted
        try:
            self.set_socket_options(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        except OSError:
            connection.close()
            return
        newest = self.channel_class(self, connection, self.fix_addr(address), self.adj, map=self._map)
        if len(self.active_channels) > MAX_CONNECTIONS:
            self._spare(newest).handle_close()

    def pull_trigger(self) -> None:
        """Wake the loop.

        Where eventlet has replaced `os.write`, it refuses a second thread that writes at the same moment: the first one
        wakes the loop.
        """
        with suppress(RuntimeError):
            super().pull_trigger()

    def maintenance(self, now: float) -> None:  # noqa: ARG002 - waitress' signature
        """Close what is overdue at once: waitress would wait until the client has read what was sent."""
        now_s = time.monotonic()
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now_s):
                channel.handle_close()

    def handle_error(self) -> None:
        """Count an exception while accepting; waitress would close the port permanently."""
        failures.note("serve", sys.exception())
        self._pause_until_s = time.monotonic() + _NO_DESCRIPTOR_S

    def _spare(self, newest: BoundedChannel) -> BoundedChannel:
        """Return the connection to close: of the network with most of them, the least useful, the longest idle."""
        channels: list[BoundedChannel] = list(self.active_channels.values())
        candidates = [one for one in channels if one is not newest and not one.requests]
        if not candidates:
            return newest
        now_s = time.monotonic()
        of_network = Counter(one.network for one in channels)
        return min(candidates, key=lambda one: (-of_network[one.network], one.rank(now_s), one.last_activity))
