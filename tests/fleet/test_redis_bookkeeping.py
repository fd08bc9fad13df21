"""Garbage that another program leaves in our keys of a Redis, and a database that is not there."""

import pytest
from fleet.backend_contract import entries, said
from fleet.redis_calls import fill, refusal

from hydrochat_otel.fleet.bounds import Bounds

pytestmark = pytest.mark.real

pytest_plugins = ["fleet.redis_fixtures"]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *[("meta", field) for field in ("store_id", "made", "restored", "departed_version", "present", "clock")],
        ("meta", "doubted"),
        ("seqs", "two"),
        ("merged_seqs", "one"),
        ("evicted", "other"),
        ("evicted", "age"),
    ],
)
def test_garbage_in_the_bookkeeping_heals(connect, server, group, name, field):
    """Whichever value of the bookkeeping another program overwrites, publications are stored again at once."""
    backend = connect(server.url, Bounds(ttl_s=100))
    fill(backend)
    with server.client() as client:
        client.hset(f"hydrochat_otel:{{{group}}}:v1:{name}", field, "garbage")
    backend.exchange(said("late", entries=entries(200)), 0, read=False)
    answer = backend.exchange(said("new", seq=1, totals=b"new"), 0, read=True)
    assert answer.contents.totals["new"] == b"new"
    assert connect(server.url, Bounds(silent_after_s=-1.0)).exchange(None, 0, read=True).silent["new"] == 1


def test_an_unknown_reply_is_a_sentence(connect, server, group):
    """A name of a member that no process wrote is a sentence about the data, not about the address."""
    backend = connect(server.url)
    fill(backend)
    with server.client() as client:
        client.hset(f"hydrochat_otel:{{{group}}}:v1:totals", b"\xff", "garbage")
    assert f"holds data that this program did not write under the keys hydrochat_otel:{{{group}}}:v1:*" in refusal(
        backend
    )


def test_a_missing_database_is_a_sentence(connect, server):
    """A database number that the server does not have is named as the mistake."""
    backend = connect(server.url.replace("/0", "/99"))
    assert "does not have the database of that number: name a smaller one, such as /0." in refusal(backend)
