"""One request of the bounded server: parsed, and answered by a worker."""

import time
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask

from hydrochat_otel.web.message import ARRIVED_S


class BoundedParser(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    """Refuses requests on which waitress' own parser would raise, and sends `100 Continue` only for a wanted body."""

    arrived_s: float | None = None
    """The monotonic time at which the whole request had arrived."""

    def parse_header(self, header_plus: bytes) -> None:
        """Parse first line and headers; an invalid number or address makes a bad request."""
        try:
            super().parse_header(header_plus)
        except ParsingError:
            raise
        except ValueError:
            raise ParsingError("Malformed request") from None

    def received(self, data: bytes) -> int:
        """Take bytes and return how many were used."""
        used: int = super().received(data)
        if self.completed:  # refused, or without a body: there is nothing to continue
            self.expect_continue = False
            self.arrived_s = time.monotonic()
        return used


class BoundedTask(WSGITask):  # type: ignore[misc]
    """Answers one request."""

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment, with the time at which the request arrived."""
        environ: dict[str, Any] = super().get_environment()
        environ[ARRIVED_S] = self.request.arrived_s
        return environ

    def build_response_header(self) -> bytes:
        """Return the head; the connection may end with the answer, which is known then."""
        head: bytes = super().build_response_header()
        self.channel.begin_answer(ends=self.close_on_finish)
        return head

    def finish(self) -> None:
        """End the answer; one without a body is sent now."""
        super().finish()
        self.channel.end_answer()
