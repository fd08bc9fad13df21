"""Closes every handler that shows numbers to requests without access."""

import math
from collections.abc import Callable
from typing import Final

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.web import access
from hydrochat_otel.web.access import Access
from hydrochat_otel.web.message import Request, Response, failure
from hydrochat_otel.web.sessions import cookie_of, sessions
from hydrochat_otel.web.wrong_tokens import wrong_tokens

Handler = Callable[[Request], Response]

CHALLENGE: Final = ("WWW-Authenticate", 'Bearer realm="hydrochat_otel"')
"""Sent with every 401; browsers open no password window for this scheme."""


def decision(request: Request) -> Access:
    """Return whether the request may see the numbers."""
    running = pipeline.current()
    token = running.settings.metrics_token
    if token is not None and sessions.accepts(cookie_of(request.headers), token):
        running.publish(read=True)  # another process may have served the sign-out
    return access.decide(request.headers, token, client=request.client, viewer=request.viewer)


def closed(handler: Handler) -> Handler:
    """Return the handler with a check before it: without access 401, 403 or 429 as JSON, never a redirect."""

    def guarded(request: Request) -> Response:
        found = decision(request)
        if found is Access.GRANTED:
            return handler(request)
        if found is Access.LIMITED:
            return failure(429, explanation(found), retry_after(request))
        if found is Access.UNAUTHENTICATED:
            return failure(401, explanation(found), CHALLENGE)
        return failure(403, explanation(found))

    return guarded


def explanation(found: Access) -> str:
    """Return the sentence that says why access is refused."""
    return {
        Access.UNAUTHENTICATED: access.UNAUTHENTICATED,
        Access.CLOSED: access.NO_TOKEN_CONFIGURED,
        Access.NOT_STAFF: access.NOT_STAFF,
        Access.LIMITED: access.TOO_MANY,
    }[found]


def retry_after(request: Request) -> tuple[str, str]:
    """Return the header that says when a blocked address may try again."""
    return ("Retry-After", str(max(1, math.ceil(wrong_tokens.wait_s(request.client)))))
