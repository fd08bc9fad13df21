"""Decides which requests may see the numbers: the bearer token, the cookie of a sign-in, or staff of the host."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from hydrochat_otel.runtime import failures
from hydrochat_otel.web.sessions import cookie_of, same_text, sessions
from hydrochat_otel.web.wrong_tokens import UNGUESSABLE_CHARACTERS, wrong_tokens

NO_TOKEN_CONFIGURED: Final = (
    "Access is closed because no token is configured: set HYDROCHAT_METRICS_TOKEN to at least 16 characters."
)
UNAUTHENTICATED: Final = (
    "Send the token of HYDROCHAT_METRICS_TOKEN as Authorization: Bearer TOKEN; under Django a signed-in staff account "
    "is enough."
)
NOT_STAFF: Final = "These numbers are for developers: the signed-in account is neither staff nor superuser."
TOO_MANY: Final = "Too many wrong tokens came from this address; wait before the next try."


class Access(Enum):
    """Whether a request may see the numbers, and the reason if it may not."""

    GRANTED = 200
    UNAUTHENTICATED = 401
    CLOSED = 403
    NOT_STAFF = "403 for an account"
    LIMITED = 429


class Viewer(Enum):
    """The account that is signed in at the host."""

    UNKNOWN = "the host has no sign-in"
    ANONYMOUS = "no account"
    MEMBER = "an account that is neither staff nor superuser"
    STAFF = "staff or superuser"


def no_sign_in() -> Viewer:
    """Return that the host has no sign-in of its own."""
    return Viewer.UNKNOWN


def decide(
    headers: Mapping[str, str],
    token: str | None,
    *,
    client: str = "",
    viewer: Callable[[], Viewer] = no_sign_in,
) -> Access:
    """Decide whether a request may see the numbers.

    A cookie is signed with 256 bits: it is never limited, and an old one does not count as a guess.

    Args:
        headers: Of the request, names in lower case.
        token: The configured one.
        client: Address that the request came from.
        viewer: Returns the account that is signed in at the host; called last, because it may cost a database query.
    """
    presented = _bearer(headers)
    if token is not None and sessions.accepts(cookie_of(headers), token):
        return Access.GRANTED
    by_token = None if token is None or not presented else _by_token(presented, token, client)
    if by_token is Access.GRANTED:
        return Access.GRANTED
    account = _ask(viewer)
    if account is Viewer.STAFF:
        return Access.GRANTED
    if account is Viewer.MEMBER and by_token is not Access.LIMITED:
        return Access.NOT_STAFF
    if token is None and account is Viewer.UNKNOWN:
        return Access.CLOSED
    return by_token or Access.UNAUTHENTICATED


def sign_in(presented: str, token: str, *, client: str = "") -> Access:
    """Decide whether the text from the sign-in form is the token."""
    return _by_token(presented, token, client)


def _by_token(presented: str, token: str, client: str) -> Access:
    """Compare a presented token and count a wrong one.

    Beyond the limit even the right token is refused if guessing could find it; otherwise only wrong ones are.
    """
    limited = wrong_tokens.wait_s(client) > 0
    if limited and len(token) < UNGUESSABLE_CHARACTERS:
        return Access.LIMITED
    if same_text(presented, token):
        wrong_tokens.right(client)
        return Access.GRANTED
    wrong_tokens.wrong(client)
    return Access.LIMITED if limited else Access.UNAUTHENTICATED


def _ask(viewer: Callable[[], Viewer]) -> Viewer:
    try:
        return viewer()
    except Exception as error:  # the host's session store may be down; the token still works
        failures.note("web.viewer", error)
        return Viewer.ANONYMOUS


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
