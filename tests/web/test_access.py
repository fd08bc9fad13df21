"""Promises of :mod:`hydrochat_otel.web.access`: who may look, and how often somebody may guess."""

import json

import pytest
from conftest import TOKEN

from hydrochat_otel import web
from hydrochat_otel.runtime import failures
from hydrochat_otel.web import Request, access, respond
from hydrochat_otel.web.access import Access, Viewer, WrongTokens, decide

RIGHT, WRONG = {"authorization": f"Bearer {TOKEN}"}, {"authorization": "Bearer of somebody else"}


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
def test_who_may_look(viewer, headers, token, decision):
    """The token opens, staff opens; a member never gets in, and nobody does without either."""
    assert decide(headers, token, viewer=lambda: viewer) is decision


def test_the_token_needs_no_account():
    """With the right token nobody asks the host's session store, so that a scrape costs it nothing."""
    assert decide(RIGHT, TOKEN, viewer=lambda: pytest.fail("asked")) is Access.GRANTED


def test_a_session_store_that_is_down():
    """Where the host cannot say who is signed in, it is nobody; the failure is counted."""

    def down():
        raise ConnectionError

    assert decide({}, TOKEN, viewer=down) is Access.UNAUTHENTICATED
    assert failures.counts() == {"web.viewer": 1}


def test_strange_cookies_of_the_host_do_not_hide_ours():
    """Our cookie is found beside others that are malformed."""
    cookie = f'a b=c; {{"json": 1}}; =; {access.COOKIE}={access.session_value(TOKEN)}; z'
    assert decide({"cookie": cookie}, TOKEN) is Access.GRANTED


def test_guessing_is_limited(clock):
    """After twenty wrong tokens an address is shut out, and gets one more try every three seconds."""
    tries = WrongTokens(monotonic=clock.monotonic)
    for _ in range(20):
        assert tries.wait_s("10.0.0.1") == 0
        tries.wrong("10.0.0.1")
    assert tries.wait_s("10.0.0.1") == pytest.approx(3)
    assert tries.wait_s("10.0.0.2") == 0
    clock.advance(2)
    assert tries.wait_s("10.0.0.1") == pytest.approx(1)
    clock.advance(1)
    assert tries.wait_s("10.0.0.1") == 0
    tries.wrong("10.0.0.1")
    assert tries.wait_s("10.0.0.1") == pytest.approx(3)
    clock.advance(3600)
    for _ in range(20):
        assert tries.wait_s("10.0.0.1") == 0
        tries.wrong("10.0.0.1")
    assert tries.wait_s("10.0.0.1") > 0


def test_a_guesser_cannot_shut_out_a_scraper_behind_the_same_proxy(clock):
    """An address from which the right token came is let in for a quarter of an hour, whatever else comes from it."""
    tries = WrongTokens(monotonic=clock.monotonic)
    tries.right("10.0.0.1")
    for _ in range(100):
        tries.wrong("10.0.0.1")
    assert tries.wait_s("10.0.0.1") == 0
    clock.advance(890)
    for _ in range(500):
        tries.wrong("10.0.0.1")
    clock.advance(11)
    assert tries.wait_s("10.0.0.1") == 0  # some tries have come back by then
    for _ in range(30):
        tries.wrong("10.0.0.1")
    assert tries.wait_s("10.0.0.1") > 0


def test_memory_is_bounded(clock):
    """However many addresses guess, a thousand are remembered; the networks of IPv6 are one address each."""
    tries = WrongTokens(monotonic=clock.monotonic)
    for number in range(5000):
        tries.wrong(f"10.0.{number // 250}.{number % 250}")
    assert len(tries) == 1024
    tries.forget()
    for number in range(100):
        tries.wrong(f"2001:db8::{number:x}")
    assert len(tries) == 1
    tries.wrong("not:an address" * 50)
    assert len(tries) == 2


@pytest.mark.parametrize("path", [web.EXPORT_PATH, web.PAGE_PATH])
def test_who_guesses_too_often_gets_429(installed, path):
    """A guesser is told to wait, even with the right token; anonymous requests and other addresses are not affected."""

    def status(headers, client="10.0.0.1"):
        return respond(Request("GET", path, headers, client=client)).status

    assert [status(WRONG) for _ in range(21)] == [401] * 20 + [429]
    limited = respond(Request("GET", path, RIGHT, client="10.0.0.1"))
    assert (limited.status, limited.header("Retry-After")) == (429, "3")
    assert access.TOO_MANY.encode() in limited.body
    assert (status({}), status(WRONG, "10.0.0.2"), status(RIGHT, "10.0.0.3")) == (401, 401, 200)


def test_pasting_wrong_tokens_is_limited_as_well(installed):
    """The form to sign in counts with the rest."""
    tries = [
        respond(Request("POST", web.SIGN_IN_PATH, body=b"token=wrong", client="10.0.0.1")).status for _ in range(21)
    ]
    assert tries == [401] * 20 + [429]


def test_a_member_is_told_that_it_is_the_account(installed):
    """Signed in without being staff: 403, one sentence, no numbers, on the page as in the data."""
    for path in (web.EXPORT_PATH, web.METRICS_PATH, web.PAGE_PATH):
        response = respond(Request("GET", path, viewer=lambda: Viewer.MEMBER))
        assert (response.status, access.NOT_STAFF.encode() in response.body) == (403, True)
    assert json.loads(respond(Request("GET", web.EXPORT_PATH, viewer=lambda: Viewer.MEMBER)).body) == {
        "error": access.NOT_STAFF
    }


def test_forms_of_other_sites_are_refused(installed):
    """A form that the browser says comes from another site neither signs in nor out."""
    for path in (web.SIGN_IN_PATH, web.SIGN_OUT_PATH):
        body = f"token={TOKEN}".encode()
        response = respond(Request("POST", path, {"sec-fetch-site": "cross-site"}, body))
        assert (response.status, response.header("Set-Cookie")) == (403, None)
