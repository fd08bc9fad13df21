"""Promises of :mod:`hydrochat_otel.web.sessions`: the cookie that signing in sets."""

import pytest
from conftest import TOKEN
from hypothesis import given, strategies as st

from hydrochat_otel.fleet.sign_outs import SignOuts
from hydrochat_otel.web.sessions import MAX_AGE_S, Sessions


def test_a_value_ends_on_the_server_side(clock):
    """A value is valid for its age and no longer, whatever the browser keeps."""
    sessions = Sessions(SignOuts(), wall=clock.wall)
    value = sessions.issue(TOKEN)
    clock.advance(MAX_AGE_S - 1)
    assert sessions.accepts(value, TOKEN)
    clock.advance(2)
    assert not sessions.accepts(value, TOKEN)


def test_a_value_is_of_its_token():
    """Every process with the same token accepts it, and a new token invalidates it."""
    value = Sessions(SignOuts()).issue(TOKEN)
    assert Sessions(SignOuts()).accepts(value, TOKEN)
    assert not Sessions(SignOuts()).accepts(value, TOKEN + "x")
    assert TOKEN not in value


@pytest.mark.parametrize("field", [0, 1, 2])
def test_no_part_of_a_value_can_be_changed(field):
    """Another id, a later expiry or another signature is not valid."""
    sessions = Sessions(SignOuts())
    parts = sessions.issue(TOKEN).split(".")
    parts[field] = parts[field][:-1] + ("1" if parts[field][-1] != "1" else "2")
    assert not sessions.accepts(".".join(parts), TOKEN)


@given(st.text(max_size=300))
def test_no_text_is_valid_and_none_raises(value):
    """Any text of a client that is not our cookie is refused."""
    assert not Sessions(SignOuts()).accepts(value, TOKEN)


def test_revocations_are_bounded(clock):
    """So many values are remembered as the memory holds, and none that is invalid or has expired anyway."""
    revoked = SignOuts(most=10, wall=clock.wall)
    sessions = Sessions(revoked, wall=clock.wall)
    for number in range(50):
        assert not sessions.revoke(f"{number}.9999999999.forged", TOKEN)
    assert len(revoked.known) == 0
    values = []
    for _ in range(12):
        values.append(sessions.issue(TOKEN))
        clock.advance(1)
    assert all(sessions.revoke(value, TOKEN) for value in values)
    assert [sessions.accepts(value, TOKEN) for value in values] == [True] * 2 + [False] * 10
    clock.advance(MAX_AGE_S + 1)
    sessions.revoke(sessions.issue(TOKEN), TOKEN)
    assert len(revoked.known) == 1
