"""A Gemini server on loopback: speaks the REST format of the real one, and keeps a ledger of what it billed.

Used like this:

    with GeminiEmulator() as emulator:
        emulator.script(rate_limited(), answer("Keep it dry.", usage=Usage(prompt=12, answer=4))) client =
        genai.Client(api_key="any", http_options=HttpOptions(base_url=emulator.base_url)) ...
    assert emulator.ledger.totals().tokens.total == 16
"""

import logging
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import responses
from types import TracebackType
from typing import Any, Final, Self

from hydrochat_otel.runtime.waitress_thread import ServingThread
from hydrochat_otel.testing import control, encoding
from hydrochat_otel.testing.billing import Bill, bill_of
from hydrochat_otel.testing.ledger import Ledger, Outcome
from hydrochat_otel.testing.replies import Reply, failure
from hydrochat_otel.testing.wire import Environ, Request, read_request

Brain = Callable[[Request], Reply]
"""Makes replies to requests without a scripted one; called from any thread, several at once."""

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

_LOOPBACK: Final = "127.0.0.1"
_THREADS: Final = 48
_POLL_S: Final = 0.02
_LONGEST_HOLD_S: Final = 30.0
_CALLER_LEFT: Final = 499
_NO_ANSWER: Final = 0
_STOP_WITHIN_S: Final = 1.0

_logger = logging.getLogger(__name__)


class _HangUpError(ConnectionAbortedError):
    """Ends a connection at once; the server treats it as a network failure and logs nothing."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as received: for comparing what two runs put on the wire. `body` is None unless bodies are kept."""

    http_method: str
    path: str
    query: str
    body: bytes | None


class GeminiEmulator:
    """The server. A context manager; :meth:`start` and :meth:`stop` for use without `with`.

    Its replies come from :meth:`script`, in order, one for each request; if none is left, from `brain`; without a brain
    the reply is an error 501 that says so, which the client does not retry. An unknown path is a 404 and uses up no
    reply.

    Args:
        brain: Makes the replies that are not scripted.
        port: 0 for any free port.
        record_bodies: Keep the requests' bodies in :attr:`requests`. They hold prompts: for tests only.
        controllable: Whether :mod:`hydrochat_otel.testing.control` answers, for programs in other languages.
    """

    def __init__(
        self, brain: Brain | None = None, *, port: int = 0, record_bodies: bool = False, controllable: bool = False
    ) -> None:
        self.ledger = Ledger()
        self._brain = brain
        self._port = port
        self._record_bodies = record_bodies
        self._controllable = controllable
        self._lock = threading.Lock()
        self._scripts: defaultdict[str | None, deque[Reply]] = defaultdict(deque)
        self._requests: list[RecordedRequest] = []
        self._billed: set[str] = set()
        self._in_flight = 0
        self._idle = threading.Condition(self._lock)
        self._stopping = threading.Event()
        self._serving: ServingThread | None = None

    def __repr__(self) -> str:
        where = "stopped" if self._serving is None else f"at {self.base_url}"
        return f"<GeminiEmulator {where}: {len(self._requests)} requests, {self.unused_replies} unused replies>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken or there is no loopback interface.
            RuntimeError: It was started before.
        """
        if self._serving is not None or self._stopping.is_set():
            raise RuntimeError("this emulator was started before; make a new one")
        listening = socket.create_server((_LOOPBACK, self._port))
        self._port = listening.getsockname()[1]
        self._serving = ServingThread(
            self._respond,
            listening,
            name="gemini-emulator",
            threads=_THREADS,
            ident="gemini-emulator",
            channel_request_lookahead=1,  # without it the server does not notice that a caller disconnected
            log_socket_errors=False,  # connections that we drop on purpose are not logged
        )

    def stop(self) -> None:
        """Drop the requests in progress and close the port, within a second. May be called again."""
        self._stopping.set()
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.end(_STOP_WITHIN_S)

    @property
    def base_url(self) -> str:
        """The value for the client's `HttpOptions.base_url`.

        Raises:
            RuntimeError: It is not running.
        """
        if self._serving is None:
            raise RuntimeError("the emulator is not running: use it in a with statement, or call start()")
        return f"http://{_LOOPBACK}:{self._port}"

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """All requests so far, in order of arrival."""
        with self._lock:
            return tuple(self._requests)

    @property
    def unused_replies(self) -> int:
        """Scripted replies that no request has used yet."""
        with self._lock:
            return sum(len(replies) for replies in self._scripts.values())

    def script(self, *replies: Reply, model: str | None = None) -> None:
        """Append scripted replies, one for each request; may be called while it runs.

        Args:
            replies: At least one.
            model: Only for requests to the model with this bare id, which use these before the common ones.

        Raises:
            TypeError: An argument is not a Reply.
            ValueError: There is no reply, or `model` is not a bare id.
        """
        if not replies:
            raise ValueError("script() got no reply; pass one for each expected request")
        for reply in replies:
            if not isinstance(reply, Reply):
                raise TypeError(f"script() takes Reply objects, got {type(reply).__name__}")
        if model is not None and "/" in model:
            raise ValueError(f"script() got model={model!r}; pass the bare id, {model.rsplit('/', 1)[-1]!r}")
        with self._lock:
            self._scripts[model].extend(replies)

    def reset(self) -> None:
        """Empty the ledger, forget requests and drop unused replies; only while no request is in progress."""
        with self._lock:
            self._scripts.clear()
            self._requests.clear()
        self.ledger.clear()

    def wait_until_idle(self, timeout_s: float = 5.0) -> bool:
        """Wait until no request is in progress, as after a cancelled one; False after the timeout."""
        with self._idle:
            return self._idle.wait_for(lambda: self._in_flight == 0, timeout_s)

    def _respond(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        request = read_request(environ)
        if self._controllable and request.path.startswith(control.PREFIX):
            status, content = control.respond(self, request.http_method, request.path, request.content)
            yield from self._send(start_response, status, (), content)
            return
        with self._lock:
            self._in_flight += 1
            body = request.content if self._record_bodies else None
            self._requests.append(RecordedRequest(request.http_method, request.path, request.query, body))
        try:
            yield from self._answer(request, environ["waitress.client_disconnected"], start_response)
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def _answer(
        self, request: Request, caller_left: Callable[[], bool], start_response: StartResponse
    ) -> Iterator[bytes]:
        if encoding.speaks(request):
            reply = self._choose(request)
            misuse = _misuse(request, reply)
            reply = failure(501, f"the reply to {request.path} {misuse}") if misuse else reply
        else:
            reply = failure(404, f"the emulator does not support {request.http_method} {request.path}")
        if not self._pause(reply.delay_s, caller_left):
            self._lose(self._open_line(request, reply, _CALLER_LEFT, "cancelled"), reply)
            raise _HangUpError
        if reply.error is not None:
            self._open_line(request, reply, reply.status, "error")
            yield from self._send(start_response, reply.status, reply.headers, encoding.to_bytes(reply.error.to_json()))
        elif reply.body is not None:
            self._open_line(request, reply, reply.status, "error")
            yield from self._send(start_response, reply.status, reply.headers, reply.body)
        elif request.streams:
            yield from self._stream(request, reply, caller_left, start_response)
        elif reply.cut_after is not None:
            self._lose(self._open_line(request, reply, _NO_ANSWER, "error"), reply)
            raise _HangUpError
        else:
            number = self._open_line(request, reply, reply.status, reply.outcome)
            self._bill(number, bill_of(request, reply))
            yield from self._send(start_response, reply.status, reply.headers, encoding.unary_body(request, reply))

    def _lose(self, number: int, reply: Reply) -> None:
        if reply.usage is not None:
            self.ledger.lose(number, reply.usage.consumption())

    def _bill(self, number: int, bill: Bill) -> None:
        if not self._is_first(bill):
            return
        if bill.used:
            self.ledger.bill(number, *bill.used)
        if bill.charged_usd:
            self.ledger.charge(number, bill.charged_usd)

    def _is_first(self, bill: Bill) -> bool:
        """Return whether nothing was billed under its name; a bill without a name is always the first."""
        with self._lock:
            is_first = bill.once not in self._billed
            if bill.once:
                self._billed.add(bill.once)
            return is_first

    def _stream(
        self, request: Request, reply: Reply, caller_left: Callable[[], bool], start_response: StartResponse
    ) -> Iterator[bytes]:
        # A line is always ahead of what the caller has seen: after reading the last event the caller finds the ledger
        # complete.
        number = self._open_line(request, reply, reply.status, "cancelled")
        start_response("200 OK", [("Content-Type", "text/event-stream"), *reply.headers])
        events = list(encoding.stream_events(request, reply))
        for sent, event in enumerate(events):
            self._stop_stream_where_declared(number, reply, sent, caller_left)
            if sent and not self._pause(reply.chunk_delay_s, caller_left):
                raise _HangUpError
            if event.used is not None and self._is_first(bill := bill_of(request, reply)):
                self.ledger.bill(number, event.used)
                self.ledger.charge(number, bill.charged_usd)
            if sent + 1 == len(events):
                self.ledger.settle(number, reply.outcome)
            yield event.content
        self._stop_stream_where_declared(number, reply, len(events), caller_left)

    def _stop_stream_where_declared(
        self, number: int, reply: Reply, sent: int, caller_left: Callable[[], bool]
    ) -> None:
        if reply.cut_after == sent:
            self.ledger.settle(number, "error")
            raise _HangUpError
        if reply.hold_after == sent:
            self._pause(_LONGEST_HOLD_S, caller_left)
            raise _HangUpError

    def _send(
        self, start_response: StartResponse, status: int, headers: tuple[tuple[str, str], ...], content: bytes
    ) -> Iterator[bytes]:
        own = [("Content-Type", "application/json; charset=UTF-8"), ("Content-Length", str(len(content)))]
        start_response(f"{status} {responses.get(status, 'Unknown')}", [*own, *headers])
        yield content

    def _choose(self, request: Request) -> Reply:
        with self._lock:
            for key in (request.model, None):
                if self._scripts[key]:
                    return self._scripts[key].popleft()
        if self._brain is None:
            return failure(501, f"nothing is scripted for {request.http_method} {request.path} and there is no brain")
        try:
            return self._brain(request)
        except Exception as error:
            _logger.exception("The emulator's brain failed")
            return failure(501, f"the emulator's brain raised {type(error).__name__}")

    def _open_line(self, request: Request, reply: Reply, status: int, outcome: Outcome) -> int:
        return self.ledger.open(
            api=request.api,
            kind=request.kind,
            method=request.method or request.http_method,
            model_requested=request.model,
            model_answered=encoding.model_answering(request, reply),
            call=request.call,
            status=status,
            outcome=outcome,
        )

    def _pause(self, seconds: float, caller_left: Callable[[], bool]) -> bool:
        """Wait; return False as soon as the caller has disconnected. Raises once the emulator stops."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            if self._stopping.wait(min(left_s, _POLL_S)):
                raise _HangUpError
            if caller_left():
                return False
        return True


def _misuse(request: Request, reply: Reply) -> str:
    """Return what is wrong with a reply to this request; '' if it can be sent."""
    stops_after = max(reply.cut_after or 0, reply.hold_after or 0, reply.error_after)
    if not request.streams:
        stream_only = stops_after or reply.hold_after is not None or reply.stream_error is not None
        return "declares what only a stream can do" if stream_only else ""
    events = encoding.event_count(request, reply)
    return f"declares to stop after {stops_after} of {events} events" if stops_after > events else ""
