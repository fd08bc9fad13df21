"""One request of the bounded server: parsed, and answered by a worker.

Clients repeat their requests on a connection, so what the newest one was parsed into is kept with it. A site of ours
answers without a WSGI environment in between, and its newest head is kept as well: they take as long as the answer.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask

from hydrochat_otel.web.message import ARRIVED_S, MAX_BODY_BYTES, STATUS_LINES, Request, Response

Respond = Callable[[Request], Response]

_LONGEST_KEPT: Final = 2048
"""The most bytes of a request's first line and headers that are kept."""


class Repeated:
    """What the newest request of a connection was parsed into, and the head of its newest answer."""

    __slots__ = ("answer", "parsed")

    def __init__(self) -> None:
        self.parsed: tuple[bytes, dict[str, Any]] | None = None
        self.answer: tuple[object, bytes] | None = None


class BoundedParser(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    """Refuses requests on which waitress' own parser would raise, and sends `100 Continue` only for a wanted body.

    Attributes:
        arrived_s: The monotonic time at which the whole request had arrived.
        named: The headers by their names in lower case.

    Args:
        adj: Options of waitress.
        repeated: Of the connection.
    """

    arrived_s: float | None = None

    def __init__(self, adj: Any, repeated: Repeated) -> None:
        super().__init__(adj)
        self.named: dict[str, str] = {}
        self._repeated = repeated

    def parse_header(self, header_plus: bytes) -> None:
        """Parse first line and headers; an invalid number or address makes a bad request."""
        known = self._repeated.parsed
        if known is not None and known[0] == header_plus:
            self.__dict__.update(known[1])
            self.headers = {**known[1]["headers"]}
            return
        before = vars(self).copy()
        try:
            super().parse_header(header_plus)
        except ParsingError:
            raise
        except ValueError:
            raise ParsingError("Malformed request") from None
        self.named = {name.replace("_", "-").lower(): value for name, value in self.headers.items()}
        if self.body_rcv is None and len(header_plus) <= _LONGEST_KEPT:
            made = {name: value for name, value in vars(self).items() if before.get(name, before) is not value}
            self._repeated.parsed = header_plus, {**made, "headers": {**self.headers}}

    def received(self, data: bytes) -> int:
        """Take bytes and return how many were used."""
        used: int = super().received(data)
        if self.completed:  # refused, or without a body: there is nothing to continue
            self.expect_continue = False
            self.arrived_s = time.monotonic()
        return used


class BoundedTask(WSGITask):  # type: ignore[misc]
    """Answers one request."""

    def execute(self) -> None:
        """Have the site of the server answer, or its WSGI application if it has no site."""
        respond: Respond | None = self.channel.server.respond
        if respond is None:
            super().execute()
            return
        response = respond(self._request())
        self.complete = True
        self.status = STATUS_LINES[response.status]
        self.response_headers = list(response.headers)
        self.write(response.body)

    def _request(self) -> Request:
        """Return the request as the site takes it; waitress has received all of it."""
        parsed = self.request
        path = parsed.path
        body: bytes | None = b""
        if parsed.command == "POST":
            body = parsed.get_body_stream().read(MAX_BODY_BYTES + 1)
            body = body if len(body) <= MAX_BODY_BYTES else None
        return Request(
            method=parsed.command,
            path=f"/{path.lstrip('/')}" if path.startswith("/") else path,
            headers=parsed.named,
            body=body,
            query=parsed.query,
            client=self.channel.addr[0],
            arrived_s=parsed.arrived_s,
        )

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment, with the time at which the request arrived."""
        environ: dict[str, Any] = super().get_environment()
        environ[ARRIVED_S] = self.request.arrived_s
        return environ

    def build_response_header(self) -> bytes:
        """Return the head; the connection may end with the answer, which is known then."""
        repeated: Repeated = self.channel.repeated
        # The time is shown in whole seconds.
        connection, headers = self.request.headers.get("CONNECTION"), tuple(self.response_headers)
        shown = self.version, connection, self.status, headers, self.content_length, int(self.start_time)
        known = repeated.answer
        if known is not None and known[0] == shown:
            head = known[1]
        else:
            if any("\n" in text or "\r" in text for header in headers for text in header):
                raise ValueError("A header of the answer has several lines.")
            head = super().build_response_header()
            # One that ends the connection, or says no length, has changed more than the head.
            repeated.answer = None if self.close_on_finish or self.chunked_response else (shown, head)
        self.channel.begin_answer(ends=self.close_on_finish)
        return head

    def finish(self) -> None:
        """End the answer; one without a body is sent now."""
        super().finish()
        self.channel.end_answer()
