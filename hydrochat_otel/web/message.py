"""A request as a host received it and a response as the host sends it, free of any framework."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import orjson

from hydrochat_otel.web.access import Viewer, no_sign_in

MAX_BODY_BYTES: Final = 4096
"""The longest body that a host reads; a form with a token is far below it."""
BODY_WITHIN_S: Final = 10.0
"""Seconds within which a body has to arrive, as far as the host lets us limit it."""

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"

STATUS_LINES: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
"""Status and phrase as the first line of an answer shows them."""

ARRIVED_S: Final = "hydrochat_otel.arrived_s"
"""Key of a WSGI environment: the monotonic time at which the request had arrived, from our own server."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a host received it.

    Attributes:
        method: In upper case, as sent.
        path: Below `root`, percent-decoded.
        query: As sent, without the question mark.
        headers: Names in lower case; several of one name are joined with a comma.
        body: Of a POST only; None if it is longer than :data:`MAX_BODY_BYTES`, in which case it was not read.
        secure: Whether the client used HTTPS.
        client: The address the connection came from; '' if the host does not provide it.
        root: The prefix below which the host mounted the site, without the last slash.
        viewer: Returns the account that is signed in at the host; called only without valid credentials of ours.
        arrived_s: The monotonic time at which the whole request had arrived; None if the host does not provide it.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = b""
    secure: bool = False
    query: str = ""
    client: str = ""
    root: str = ""
    viewer: Callable[[], Viewer] = no_sign_in
    arrived_s: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A response that a host sends unchanged: the Content-Length is among the headers, and a HEAD has no body."""

    status: int
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of the first header of the name, in the spelling of :mod:`web`."""
        return next((value for key, value in self.headers if key == name), None)


def is_too_long(content_length: str) -> bool:
    """Return whether a Content-Length header exceeds the limit; an invalid one does not."""
    digits = content_length.strip().lstrip("0")
    # By length first: the standard library refuses to convert thousands of digits.
    return digits.isascii() and digits.isdecimal() and (len(digits) > _MAX_DIGITS or int(digits) > MAX_BODY_BYTES)


_MAX_DIGITS: Final = 18

_EVERYWHERE: Final[Headers] = (
    ("Cache-Control", "private, no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


def answer(content_type: str, body: bytes, *headers: tuple[str, str], status: int = 200) -> Response:
    """Return a response that no cache stores and whose type no browser guesses."""
    return Response(status, (("Content-Type", content_type), *_EVERYWHERE, *headers), body)


def bodiless(status: int, *headers: tuple[str, str]) -> Response:
    """Return a response without a body, such as a redirect or 304."""
    return Response(status, (*_EVERYWHERE, *headers))


def failure(status: int, sentence: str, *headers: tuple[str, str]) -> Response:
    """Return a failure as JSON: one sentence under `error`."""
    return answer(JSON, orjson.dumps({"error": sentence}) + b"\n", *headers, status=status)


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """Ends a handler with the failure that it carries."""

    def __init__(self, status: int, sentence: str, *headers: tuple[str, str]) -> None:
        super().__init__(sentence)
        self.response = failure(status, sentence, *headers)
