"""Who may look: one bearer token, the cookie that signing in with it sets, or staff of the host's own sign-in.

Tokens are compared in constant time, and wrong ones are limited for each client address.
"""

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hydrochat_otel.runtime import failures
from hydrochat_otel.runtime.forks import ForkLock

COOKIE: Final = "hydrochat_session"
COOKIE_MAX_AGE_S: Final = 12 * 3600

NO_TOKEN_CONFIGURED: Final = (
    "Access is closed because no token is configured: set HYDROCHAT_METRICS_TOKEN to at least 16 characters."
)
UNAUTHENTICATED: Final = (
    "Send the token of HYDROCHAT_METRICS_TOKEN as Authorization: Bearer TOKEN; under Django a staff account that is "
    "signed in opens as well."
)
NOT_STAFF: Final = "These numbers are for developers: the account that is signed in is neither staff nor superuser."
TOO_MANY: Final = "Too many wrong tokens came from this address; wait before the next try."


class Access(Enum):
    """The answer to who is asking."""

    GRANTED = 200
    UNAUTHENTICATED = 401
    CLOSED = 403
    NOT_STAFF = "403 for an account"
    LIMITED = 429


class Viewer(Enum):
    """Who is signed in at the host."""

    UNKNOWN = "the host has no sign-in"
    ANONYMOUS = "nobody"
    MEMBER = "an account that is neither staff nor superuser"
    STAFF = "staff or superuser"


def nobody() -> Viewer:
    """Answer for a host without a sign-in of its own."""
    return Viewer.UNKNOWN


@dataclass(slots=True)
class _Client:
    """What is known of one address: the tries that are left, when that was true, and until when it is trusted."""

    tries: float
    seen_s: float
    trusted_until_s: float = 0.0


class WrongTokens:
    """Counts wrong tokens by client address: `burst` at once, then one more every `refill_s` seconds.

    An address from which the right token came lately is not shut out, so that nobody can shut out a scraper that
    shares a proxy with him; such an address can guess on, but at a token of 16 characters in vain. At most
    `max_clients` addresses are remembered, the one not seen for longest is forgotten; an IPv6 network of 64 bits is
    one address. Any thread may call.
    """

    def __init__(
        self,
        *,
        burst: int = 20,
        refill_s: float = 3.0,
        trust_s: float = 900.0,
        max_clients: int = 1024,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._trust_s = trust_s
        self._max_clients = max_clients
        self._monotonic = monotonic
        self._lock = ForkLock()
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def __len__(self) -> int:
        return len(self._clients)

    def wait_s(self, address: str) -> float:
        """Return for how many seconds the address is shut out; 0 when it is not."""
        with self._lock:
            client = self._clients.get(_network(address))
            if client is None:
                return 0.0
            now_s = self._monotonic()
            self._refill(client, now_s)
            if client.tries >= 1 or now_s < client.trusted_until_s:
                return 0.0
            return (1 - client.tries) * self._refill_s

    def wrong(self, address: str) -> None:
        """Count a wrong token."""
        with self._lock:
            now_s = self._monotonic()
            client = self._remembered(address, now_s)
            self._refill(client, now_s)
            client.tries = max(0.0, client.tries - 1)

    def right(self, address: str) -> None:
        """Trust the address for a while; its wrong tokens stay counted."""
        with self._lock:
            now_s = self._monotonic()
            self._remembered(address, now_s).trusted_until_s = now_s + self._trust_s

    def forget(self) -> None:
        """Forget every address."""
        with self._lock:
            self._clients.clear()

    def _remembered(self, address: str, now_s: float) -> _Client:
        key = _network(address)
        client = self._clients.setdefault(key, _Client(self._burst, now_s))
        self._clients.move_to_end(key)
        if len(self._clients) > self._max_clients:
            self._clients.popitem(last=False)
        return client

    def _refill(self, client: _Client, now_s: float) -> None:
        client.tries = min(self._burst, client.tries + (now_s - client.seen_s) / self._refill_s)
        client.seen_s = now_s


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address[:64]


wrong_tokens: Final = WrongTokens()
"""Those of this process."""


def decide(
    headers: Mapping[str, str],
    token: str | None,
    *,
    client: str = "",
    viewer: Callable[[], Viewer] = nobody,
) -> Access:
    """Decide whether a request may see the numbers.

    Args:
        headers: Of the request, names in lower case.
        token: The one that is configured.
        client: Address that the request came from.
        viewer: Says who is signed in at the host; asked last, because it may cost a look into a database.
    """
    presented, cookie = _bearer(headers), _cookie_value(headers)
    limited = False
    if token is not None and (presented or cookie):
        limited = wrong_tokens.wait_s(client) > 0
        if not limited and (_same(presented, token) or _same(cookie, session_value(token))):
            wrong_tokens.right(client)
            return Access.GRANTED
    who = _ask(viewer)
    if who is Viewer.STAFF:
        return Access.GRANTED
    if limited:
        return Access.LIMITED
    if who is Viewer.MEMBER:
        return Access.NOT_STAFF
    if token is not None and (presented or cookie):
        wrong_tokens.wrong(client)
    return Access.CLOSED if token is None and who is Viewer.UNKNOWN else Access.UNAUTHENTICATED


def sign_in(presented: str, token: str, *, client: str = "") -> Access:
    """Decide whether the text that somebody pasted is the token."""
    if wrong_tokens.wait_s(client) > 0:
        return Access.LIMITED
    if _same(presented, token):
        wrong_tokens.right(client)
        return Access.GRANTED
    wrong_tokens.wrong(client)
    return Access.UNAUTHENTICATED


def session_value(token: str) -> str:
    """Return what the cookie holds: derived from the token, so that the cookie does not give it away."""
    return hmac.new(token.encode(), b"hydrochat_otel session", hashlib.sha256).hexdigest()


def session_cookie(token: str | None, *, secure: bool) -> str:
    """Return the Set-Cookie header that signs in with the token, or out with None."""
    value, max_age_s = ("", 0) if token is None else (session_value(token), COOKIE_MAX_AGE_S)
    cookie = f"{COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict"
    return f"{cookie}; Secure" if secure else cookie


def _ask(viewer: Callable[[], Viewer]) -> Viewer:
    try:
        return viewer()
    except Exception as error:  # the host's session store may be down; the token opens all the same
        failures.note("web.viewer", error)
        return Viewer.ANONYMOUS


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def _cookie_value(headers: Mapping[str, str]) -> str:
    # By hand: the standard library's parser gives up on all cookies when the host's own ones are unusual.
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _same(presented: str, expected: str) -> bool:
    return hmac.compare_digest(presented.encode("utf-8", "replace"), expected.encode())
