"""Promises of :mod:`hydrochat_otel.web.wrong_tokens`: how often a network may guess, and what is remembered."""

import os

import pytest

from hydrochat_otel.web.wrong_tokens import WrongTokens, wrong_tokens


def test_guessing_is_limited(clock):
    """After twenty wrong tokens an address is blocked, and gets one more try every three seconds."""
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


def test_a_guesser_cannot_lock_out_a_scraper_behind_the_same_proxy(clock):
    """An address that sent the right token has access for a quarter of an hour, whatever else comes from it."""
    tries = WrongTokens(monotonic=clock.monotonic)
    tries.right("10.0.0.1")
    for _ in range(100):
        tries.wrong("10.0.0.1")
    assert tries.wait_s("10.0.0.1") == 0
    clock.advance(890)
    for _ in range(500):
        tries.wrong("10.0.0.1")
    clock.advance(11)
    assert tries.wait_s("10.0.0.1") == 0  # some tries have been refilled by then
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


def test_guessers_cannot_push_a_scraper_out_of_the_memory(clock):
    """However many networks guess, one that sent the right token stays trusted."""
    tries = WrongTokens(monotonic=clock.monotonic)
    tries.right("10.0.0.1")
    for number in range(5000):
        tries.wrong(f"10.1.{number // 250}.{number % 250}")
    for _ in range(30):
        tries.wrong("10.0.0.1")
    assert tries.wait_s("10.0.0.1") == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_fork_while_the_lock_is_held():
    """A child that was forked while another thread counted a wrong token counts its own."""
    with wrong_tokens._lock:
        child = os.fork()
        if child == 0:
            wrong_tokens.wrong("10.0.0.1")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
