"""Who may look: one bearer token, compared in constant time, or the cookie that signing in with it sets."""

import hashlib
import hmac
from collections.abc import Mapping
from enum import Enum
from http.cookies import CookieError, SimpleCookie
from typing import Final

COOKIE: Final = "hydrochat_session"
COOKIE_MAX_AGE_S: Final = 12 * 3600

NO_TOKEN_CONFIGURED: Final = (
    "Access is closed because no token is configured: set HYDROCHAT_METRICS_TOKEN to at least 16 characters."
)
UNAUTHENTICATED: Final = "Send the token of HYDROCHAT_METRICS_TOKEN as Authorization: Bearer TOKEN."


class Access(Enum):
    """The answer to who is asking."""

    GRANTED = 200
    UNAUTHENTICATED = 401
    CLOSED = 403


def decide(headers: Mapping[str, str], token: str | None) -> Access:
    """Decide by the request's headers (lower-case names) whether it may see the numbers."""
    if token is None:
        return Access.CLOSED
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_token(credentials.strip(), token):
        return Access.GRANTED
    if _same(_cookie_value(headers), session_value(token)):
        return Access.GRANTED
    return Access.UNAUTHENTICATED


def is_token(presented: str, token: str) -> bool:
    """Return whether the text is the token, in time that does not depend on where they differ."""
    return _same(presented, token)


def session_value(token: str) -> str:
    """Return what the cookie holds: derived from the token, so that the cookie does not give it away."""
    return hmac.new(token.encode(), b"hydrochat_otel session", hashlib.sha256).hexdigest()


def session_cookie(token: str | None, *, secure: bool) -> str:
    """Return the Set-Cookie header that signs in with the token, or out with None."""
    value, max_age_s = ("", 0) if token is None else (session_value(token), COOKIE_MAX_AGE_S)
    cookie = f"{COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict"
    return f"{cookie}; Secure" if secure else cookie


def _cookie_value(headers: Mapping[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def _same(presented: str, expected: str) -> bool:
    return hmac.compare_digest(presented.encode("utf-8", "replace"), expected.encode())
