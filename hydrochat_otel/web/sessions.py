"""The cookie that signing in sets: a signed id with an expiry, which signing out invalidates earlier."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from hydrochat_otel.runtime import process_globals
from hydrochat_otel.runtime.forks import ForkLock

COOKIE: Final = "hydrochat_session"
MAX_AGE_S: Final = 12 * 3600

_ID_BYTES: Final = 16
_LONGEST: Final = 256
"""The most characters of a cookie that are read; ours has 111."""


class Sessions:
    """Issues, checks and revokes the values of the cookie; any thread may call.

    A value is signed with a key that is derived from the token, so it does not reveal the token, every process with the
    same token accepts it, and a new token invalidates it. A revoked value is remembered until it would have expired
    anyway, at most `max_revoked` of them; anonymous clients cannot fill that memory, because only a valid value is
    revoked.
    """

    def __init__(self, *, max_revoked: int = 4096, wall: Callable[[], float] = time.time) -> None:
        self._max_revoked = max_revoked
        self._wall = wall
        self._revoked: OrderedDict[str, int] = OrderedDict()
        self._lock = ForkLock()

    def __len__(self) -> int:
        return len(self._revoked)

    def issue(self, token: str) -> str:
        """Return a new value, which is valid for :data:`MAX_AGE_S`."""
        signed = f"{secrets.token_hex(_ID_BYTES)}.{int(self._wall()) + MAX_AGE_S}"
        return f"{signed}.{_signature(signed, token)}"

    def accepts(self, value: str, token: str) -> bool:
        """Return whether the value was issued for the token, has not expired and was not revoked."""
        parsed = self._parsed(value, token)
        return parsed is not None and parsed[0] not in self._revoked

    def revoke(self, value: str, token: str) -> None:
        """Invalidate the value in this process; one that is not valid is ignored."""
        parsed = self._parsed(value, token)
        if parsed is None:
            return
        identity, ends_unix_s = parsed
        with self._lock:
            now_unix_s = self._wall()
            while self._revoked and next(iter(self._revoked.values())) < now_unix_s:
                self._revoked.popitem(last=False)
            self._revoked[identity] = ends_unix_s
            if len(self._revoked) > self._max_revoked:
                self._revoked.popitem(last=False)

    def forget(self) -> None:
        """Forget every revocation."""
        self._revoked.clear()

    def _parsed(self, value: str, token: str) -> tuple[str, int] | None:
        """Return id and expiry of a value whose signature is right and that has not expired."""
        if len(value) > _LONGEST:
            return None
        signed, _, signature = value.rpartition(".")
        if not same_text(signature, _signature(signed, token)):
            return None
        identity, _, ends = signed.partition(".")
        return (identity, int(ends)) if self._wall() < int(ends) else None


def cookie_of(headers: Mapping[str, str]) -> str:
    """Return the value of our cookie in a request's headers, whose names are in lower case; empty without one."""
    # The standard library's parser rejects all cookies if one of the host's own is malformed.
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def set_cookie(value: str | None, *, secure: bool) -> tuple[str, str]:
    """Return the Set-Cookie header that sets the value in the browser, or removes it with None."""
    max_age_s = 0 if value is None else MAX_AGE_S
    cookie = f"{COOKIE}={value or ''}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict"
    return ("Set-Cookie", f"{cookie}; Secure" if secure else cookie)


def same_text(presented: str, expected: str) -> bool:
    """Compare in a time that does not depend on where the texts differ."""
    return hmac.compare_digest(presented.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _signature(signed: str, token: str) -> str:
    return hmac.new(
        token.encode(), b"hydrochat_otel session " + signed.encode("utf-8", "replace"), hashlib.sha256
    ).hexdigest()


sessions: Final = Sessions()
"""Of this process."""

process_globals.register("sessions", sessions.forget)
