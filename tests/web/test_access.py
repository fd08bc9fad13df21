"""Promises of :mod:`hydrochat_otel.web.access`: which requests see the numbers, and how often a client may guess."""

import json

import pytest
from conftest import TOKEN

from hydrochat_otel import web
from hydrochat_otel.runtime import failures
from hydrochat_otel.web import Request, access, respond, sessions
from hydrochat_otel.web.access import Access, Viewer, decide

RIGHT, WRONG = {"authorization": f"Bearer {TOKEN}"}, {"authorization": "Bearer of another user"}


@pytest.mark.parametrize(
    ("viewer", "headers", "token", "decision"),
    [
        (Viewer.UNKNOWN, {}, TOKEN, Access.UNAUTHENTICATED),
        (Viewer.UNKNOWN, {}, None, Access.CLOSED),
        (Viewer.UNKNOWN, RIGHT, TOKEN, Access.GRANTED),
        (Viewer.ANONYMOUS, {}, TOKEN, Access.UNAUTHENTICATED),
        (Viewer.ANONYMOUS, {}, None, Access.UNAUTHENTICATED),
        (Viewer.ANONYMOUS, RIGHT, TOKEN, Access.GRANTED),
        (Viewer.MEMBER, {}, TOKEN, Access.NOT_STAFF),
        (Viewer.MEMBER, {}, None, Access.NOT_STAFF),
        (Viewer.MEMBER, WRONG, TOKEN, Access.NOT_STAFF),
        (Viewer.MEMBER, RIGHT, TOKEN, Access.GRANTED),
        (Viewer.STAFF, {}, TOKEN, Access.GRANTED),
        (Viewer.STAFF, {}, None, Access.GRANTED),
        (Viewer.STAFF, WRONG, TOKEN, Access.GRANTED),
    ],
)
def test_which_requests_have_access(viewer, headers, token, decision):
    """The token and staff accounts have access; an ordinary account and an anonymous request do not."""
    assert decide(headers, token, viewer=lambda: viewer) is decision


def test_the_token_needs_no_account():
    """With the right token the host's session store is not read, so a scrape costs it nothing."""
    assert decide(RIGHT, TOKEN, viewer=lambda: pytest.fail("asked")) is Access.GRANTED


def test_a_session_store_that_is_down():
    """If the host cannot say which account is signed in, none is; the failure is counted."""

    def down():
        raise ConnectionError

    assert decide({}, TOKEN, viewer=down) is Access.UNAUTHENTICATED
    assert failures.counts() == {"web.viewer": 1}


def test_strange_cookies_of_the_host_do_not_hide_ours():
    """Our cookie is found beside others that are malformed."""
    cookie = f'a b=c; {{"json": 1}}; =; {sessions.COOKIE}={sessions.sessions.issue(TOKEN)}; z'
    assert decide({"cookie": cookie}, TOKEN) is Access.GRANTED


@pytest.mark.parametrize("path", [web.EXPORT_PATH, web.PAGE_PATH])
def test_a_guesser_gets_429(installed, path):
    """A guesser has to wait, even with the right token; anonymous requests and other addresses are not affected."""

    def status(headers, client="10.0.0.1"):
        return respond(Request("GET", path, headers, client=client)).status

    assert [status(WRONG) for _ in range(21)] == [401] * 20 + [429]
    limited = respond(Request("GET", path, RIGHT, client="10.0.0.1"))
    assert (limited.status, limited.header("Retry-After")) == (429, "3")
    assert access.TOO_MANY.encode() in limited.body
    assert (status({}), status(WRONG, "10.0.0.2"), status(RIGHT, "10.0.0.3")) == (401, 401, 200)


def test_pasting_wrong_tokens_is_limited_as_well(installed):
    """Wrong tokens in the sign-in form count as well."""
    tries = [
        respond(Request("POST", web.SIGN_IN_PATH, body=b"token=wrong", client="10.0.0.1")).status for _ in range(21)
    ]
    assert tries == [401] * 20 + [429]


def test_an_ordinary_account_is_refused_by_name(installed):
    """A signed-in account that is not staff gets 403, one sentence, no numbers, on the page and in the data."""
    for path in (web.EXPORT_PATH, web.METRICS_PATH, web.PAGE_PATH):
        response = respond(Request("GET", path, viewer=lambda: Viewer.MEMBER))
        assert (response.status, access.NOT_STAFF.encode() in response.body) == (403, True)
    assert json.loads(respond(Request("GET", web.EXPORT_PATH, viewer=lambda: Viewer.MEMBER)).body) == {
        "error": access.NOT_STAFF
    }


def test_forms_of_other_sites_are_refused(installed):
    """A form that the browser marks as coming from another site neither signs in nor out."""
    for path in (web.SIGN_IN_PATH, web.SIGN_OUT_PATH):
        body = f"token={TOKEN}".encode()
        response = respond(Request("POST", path, {"sec-fetch-site": "cross-site"}, body))
        assert (response.status, response.header("Set-Cookie")) == (403, None)


LONG = "0123456789abcdef0123456789abcdef"


def test_a_long_token_is_never_refused():
    """A token that cannot be guessed works whatever else its address sends; only wrong ones have to wait."""
    guesses = [decide(WRONG, LONG, client="10.0.0.1") for _ in range(30)]
    assert guesses == [Access.UNAUTHENTICATED] * 20 + [Access.LIMITED] * 10
    assert decide({"authorization": f"Bearer {LONG}"}, LONG, client="10.0.0.1") is Access.GRANTED
    assert access.sign_in(LONG, LONG, client="10.0.0.1") is Access.GRANTED


def test_a_cookie_is_neither_limited_nor_counted():
    """A guesser behind the same proxy cannot lock out a signed-in browser, and an old cookie is not a guess."""
    signed_in = {"cookie": f"{sessions.COOKIE}={sessions.sessions.issue(TOKEN)}"}
    for _ in range(30):
        decide({"cookie": f"{sessions.COOKIE}=old"}, TOKEN, client="10.0.0.1")
    assert decide(WRONG, TOKEN, client="10.0.0.1") is Access.UNAUTHENTICATED
    for _ in range(30):
        decide(WRONG, TOKEN, client="10.0.0.1")
    assert decide(signed_in, TOKEN, client="10.0.0.1") is Access.GRANTED


def test_a_guesser_on_a_dual_stack_socket(installed):
    """IPv4 clients of a socket for both versions are limited separately: a guesser affects no other client."""

    def status(headers, client):
        return respond(Request("GET", web.EXPORT_PATH, headers, client=f"::ffff:{client}")).status

    assert status(RIGHT, "10.0.0.2") == 200
    assert [status(WRONG, "10.0.0.1") for _ in range(21)] == [401] * 20 + [429]
    assert (status(RIGHT, "10.0.0.2"), status(RIGHT, "10.0.0.3")) == (200, 200)


def test_signing_out_invalidates_the_cookie(installed):
    """After signing out the cookie is invalid, whatever its age; others stay valid."""
    first, second = ({"cookie": f"{sessions.COOKIE}={sessions.sessions.issue(TOKEN)}"} for _ in range(2))
    assert respond(Request("POST", web.SIGN_OUT_PATH, first)).status == 303
    assert [respond(Request("GET", web.PAGE_PATH, headers)).status for headers in (first, second)] == [401, 200]


def test_the_cookie_behind_a_tls_proxy(install):
    """HYDROCHAT_COOKIE_SECURE marks the cookie for HTTPS although the proxy speaks HTTP to us."""
    install(cookie_secure=True, metrics_token=TOKEN)
    response = respond(Request("POST", web.SIGN_IN_PATH, body=f"token={TOKEN}".encode()))
    assert response.header("Set-Cookie").endswith("; Secure")
