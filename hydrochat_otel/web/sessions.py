"""The cookie that signing in sets: a signed id with an expiry, which signing out invalidates earlier."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

from hydrochat_otel.fleet.sign_outs import SESSION_S, SignOuts, sign_outs

COOKIE: Final = "hydrochat_session"
MAX_AGE_S: Final = SESSION_S

_ID_BYTES: Final = 16
_LONGEST: Final = 256
"""The most characters of a cookie that are read; ours has 111."""


class Sessions:
    """Issues, checks and revokes the values of the cookie; any thread may call.

    A value is signed with a key that is derived from the token, so it does not reveal the token, every process with the
    same token accepts it, and a new token invalidates it.

    Args:
        revoked: Remembers revoked values until they expire, and shares them with the other processes. Anonymous clients
            cannot fill that memory, because only a valid value is revoked.
        wall: Returns seconds since the epoch.
    """

    def __init__(self, revoked: SignOuts, *, wall: Callable[[], float] = time.time) -> None:
        self._revoked = revoked
        self._wall = wall

    def issue(self, token: str) -> str:
        """Return a new value, which is valid for :data:`MAX_AGE_S`."""
        signed = f"{secrets.token_hex(_ID_BYTES)}.{int(self._wall()) + MAX_AGE_S}"
        return f"{signed}.{_signature(signed, token)}"

    def accepts(self, value: str, token: str) -> bool:
        """Return whether the value was issued for the token, has not expired, and is not known to be revoked."""
        parsed = self._parsed(value, token)
        return parsed is not None and parsed[0] not in self._revoked.known

    def revoke(self, value: str, token: str) -> bool:
        """Invalidate the value; return whether it was valid for the token. One that is not is ignored."""
        parsed = self._parsed(value, token)
        if parsed is None:
            return False
        identity, ends_unix_s = parsed
        self._revoked.add({identity: ends_unix_s})
        return True

    def _parsed(self, value: str, token: str) -> tuple[str, int] | None:
        """Return id and expiry of a value whose signature is right and that has not expired."""
        if not value or len(value) > _LONGEST:
            return None
        signed, _, signature = value.rpartition(".")
        if not same_text(signature, _signature(signed, token)):
            return None
        identity, _, ends = signed.partition(".")
        return (identity, int(ends)) if self._wall() < int(ends) else None


def cookie_of(headers: Mapping[str, str]) -> str:
    """Return the value of our cookie in a request's headers, whose names are in lower case; empty without one."""
    cookies = headers.get("cookie")
    if cookies is None:
        return ""
    # The standard library's parser rejects all cookies if one of the host's own is malformed.
    for pair in cookies.split(";"):
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


sessions: Final = Sessions(sign_outs)
"""Of this process."""
