"""Promises of :mod:`hydrochat_otel.web.sessions`: the cookie that signing in sets."""

import pytest
from conftest import TOKEN
from hypothesis import given, strategies as st

from hydrochat_otel.web.sessions import MAX_AGE_S, Sessions


def test_a_value_ends_on_the_server_side(clock):
    """A value is valid for its age and no longer, whatever the browser keeps."""
    sessions = Sessions(wall=clock.wall)
    value = sessions.issue(TOKEN)
    clock.advance(MAX_AGE_S - 1)
    assert sessions.accepts(value, TOKEN)
    clock.advance(2)
    assert not sessions.accepts(value, TOKEN)


def test_a_value_is_of_its_token():
    """Every process with the same token accepts it, and a new token invalidates it."""
    value = Sessions().issue(TOKEN)
    assert Sessions().accepts(value, TOKEN)
    assert not Sessions().accepts(value, TOKEN + "x")
    assert TOKEN not in value


@pytest.mark.parametrize("field", [0, 1, 2])
def test_no_part_of_a_value_can_be_changed(field):
    """Another id, a later expiry or another signature is not valid."""
    sessions = Sessions()
    parts = sessions.issue(TOKEN).split(".")
    parts[field] = parts[field][:-1] + ("1" if parts[field][-1] != "1" else "2")
    assert not sessions.accepts(".".join(parts), TOKEN)


@given(st.text(max_size=300))
def test_no_text_is_valid_and_none_raises(value):
    """Any text of a client that is not our cookie is refused."""
    assert not Sessions().accepts(value, TOKEN)


def test_revocations_are_bounded(clock):
    """At most `max_revoked` values are remembered, and none that is invalid or has expired anyway."""
    sessions = Sessions(max_revoked=10, wall=clock.wall)
    for number in range(50):
        sessions.revoke(f"{number}.9999999999.forged", TOKEN)
    assert len(sessions) == 0
    values = [sessions.issue(TOKEN) for _ in range(12)]
    for value in values:
        sessions.revoke(value, TOKEN)
    assert len(sessions) == 10
    assert [sessions.accepts(value, TOKEN) for value in values] == [True] * 2 + [False] * 10
    clock.advance(MAX_AGE_S + 1)
    newest = sessions.issue(TOKEN)
    sessions.revoke(newest, TOKEN)
    assert len(sessions) == 1
