"""What every shared state must do about departed members and lost states: run by ``from merge_contract import *``.

The fixtures are those of :mod:`backend_contract`.
"""

import threading
from dataclasses import replace

import pytest
from fleet.backend_contract import NO_PATIENCE, contents, entries, everything, receipt, run_all, said

from hydrochat_otel.fleet.backend import MAX_MERGED, Knowledge
from hydrochat_otel.fleet.bounds import Bounds


def test_departed_totals_replace_those_of_merged_members(make_backend):
    """Merged members' totals are removed, others' stay, and members with an older version get the departed ones."""
    one, two = make_backend(), make_backend()
    for member, seq in (("gone", 3), ("lost", 5), ("here", 1)):
        one.exchange(said(member, seq=seq, entries=entries(seq)), 0, read=False)
    assert two.merge({"gone": 3, "lost": 5}, b"departed", 0) is True
    kept = contents({"here": b"totals"}, [b"5", b"3", b"1"])
    assert everything(one) == receipt(departed_version=1, departed=b"departed", members=1, contents=kept)
    assert everything(one, known=1) == receipt(departed_version=1, members=1, contents=kept)
    assert one.merge({"here": 1}, b"newer", 1) is True
    assert everything(two, known=1) == receipt(
        departed_version=2, departed=b"newer", contents=contents(entries=[b"5", b"3", b"1"])
    )


@pytest.mark.parametrize("seq", [2, 3, 4])
def test_a_merged_member_learns_it_and_writes_nothing(make_backend, seq):
    """A merged member gets the number of the merged publication, whatever it publishes now, as often as it does."""
    one, two = make_backend(), make_backend()
    one.exchange(said(seq=3), 0, read=False)
    assert two.merge({"one": 3}, b"departed", 0)
    before = everything(two)
    for totals in (b"after death", None):
        answer = one.exchange(said(seq=seq, totals=totals, entries=entries(1)), 0, read=False)
        assert (answer.merged_seq, answer.kept_seq, answer.members, answer.silent) == (3, None, 0, {})
        assert (answer.departed_version, answer.departed) == (1, b"departed")
    assert everything(two) == before


@pytest.mark.parametrize(
    ("merged", "known"),
    [
        pytest.param({"one": 3}, 0, id="of another version"),
        pytest.param({"one": 3}, 2, id="another version is stored"),
        pytest.param({"one": 2}, 1, id="the member has published since"),
        pytest.param({"one": 3, "two": 3}, 1, id="one member has published since"),
        pytest.param({"one": 4}, 1, id="the member never published that number"),
        pytest.param({"missing": 1}, 1, id="the member is not stored"),
        pytest.param({"one": 3, "dead": 1}, 1, id="one member was merged before"),
    ],
)
def test_an_outdated_merge_changes_nothing(make_backend, merged, known):
    """Departed totals that were made from other numbers than the stored ones are refused as a whole."""
    backend = make_backend()
    for member, seq in (("dead", 1), ("one", 3), ("two", 4)):
        backend.exchange(said(member, seq=seq), 0, read=False)
    assert backend.merge({"dead": 1}, b"departed", 0) is True
    before = everything(backend)
    assert make_backend().merge(merged, b"another", known) is False
    assert everything(backend) == before


def test_a_merge_made_twice_counts_once(backend):
    """A repeated merge is refused and changes nothing."""
    backend.exchange(said(), 0, read=False)
    assert backend.merge({"one": 1}, b"departed", 0) is True
    before = everything(backend)
    assert backend.merge({"one": 1}, b"departed", 0) is False
    assert everything(backend) == before


def test_one_of_many_concurrent_merges_succeeds(make_backend):
    """Exactly one of several merges of the same member succeeds, and its departed totals are stored."""
    backends = [make_backend() for _ in range(4)]
    backends[0].exchange(said(), 0, read=False)
    start, won = threading.Barrier(len(backends)), []

    def merge(number):
        start.wait()
        if backends[number].merge({"one": 1}, f"{number}".encode(), 0):
            won.append(f"{number}".encode())

    run_all(merge, len(backends))
    assert [everything(backends[0])] == [receipt(departed_version=1, departed=one) for one in won]


def test_merged_members_are_forgotten_only_beyond_a_bound(make_backend):
    """Merged members are remembered up to a bound, the newest first."""
    backend = make_backend()
    for number, names in enumerate((["first"], [f"later{index}" for index in range(MAX_MERGED)])):
        backend.restore(Knowledge(totals=dict.fromkeys(names, (1, b"totals"))))
        assert backend.merge(dict.fromkeys(names, 1), b"departed", number)
    assert backend.exchange(said("later0", seq=2), 2, read=False).merged_seq == 1
    assert backend.exchange(said(f"later{MAX_MERGED - 1}", seq=2), 2, read=False).merged_seq == 1
    assert backend.exchange(said("first", seq=2), 2, read=False).merged_seq is None


def test_a_lost_state_is_restored(make_backend):
    """Departed totals, members and counts of evicted entries are restored, and the members get time to publish."""
    one, two = make_backend(), make_backend(NO_PATIENCE)
    knowledge = Knowledge(
        departed=b"departed", departed_version=4, totals={"lost": (9, b"9")}, evicted={"age": 2, "capacity": 7}
    )
    for _ in range(2):
        one.restore(knowledge)
        kept = receipt(
            restored_age_s=0.0,
            departed_version=4,
            departed=b"departed",
            contents=contents({"lost": b"9"}, evicted={"age": 2, "capacity": 7}),
        )
        assert everything(one) == replace(kept, members=1)
        assert everything(two) == replace(kept, silent={"lost": 9})
    assert one.merge({"lost": 9}, b"newer", 4) is True


def test_nothing_newer_is_overwritten_by_a_restoration(make_backend):
    """Newer or equal stored values stay as they are, and merged members stay merged."""
    backend = make_backend(Bounds(max_entries=1))
    for member in ("dead", "older", "same", "newer"):
        backend.exchange(said(member, seq=5), 0, read=False)
    backend.exchange(said("newer", seq=6, entries=entries(1, 2)), 0, read=False)
    assert backend.merge({"dead": 5}, b"departed", 0)
    backend.restore(
        Knowledge(
            departed=b"of another time",
            departed_version=1,
            totals={
                member: (6 if member == "older" else 5, b"restored") for member in ("dead", "older", "same", "newer")
            },
            evicted={"capacity": 0, "age": 3},
        )
    )
    assert everything(backend) == receipt(
        restored_age_s=0.0,
        departed_version=1,
        departed=b"departed",
        members=3,
        contents=contents(
            {"older": b"restored", "same": b"totals", "newer": b"totals"}, [b"1"], {"capacity": 1, "age": 3}
        ),
    )
    backend.restore(Knowledge(departed=b"newer", departed_version=2))
    assert (everything(backend).departed_version, everything(backend).departed) == (2, b"newer")


def test_members_of_restored_departed_totals_are_merged(make_backend):
    """A restored member that was merged counts as merged again, a later restore is ignored, and it learns it."""
    backend = make_backend()
    for member in ("back", "here"):
        backend.exchange(said(member, seq=5), 0, read=False)
    knowledge = Knowledge(departed=b"departed", departed_version=3, merged={"back": 4, "asleep": 7})
    backend.restore(knowledge)
    backend.restore(Knowledge(departed=b"older", departed_version=2, merged={"here": 5}, totals={"asleep": (6, b"6")}))
    kept = everything(backend)
    assert (kept.departed_version, kept.departed, kept.members) == (3, b"departed", 1)
    assert kept.contents == contents({"here": b"totals"})
    merged = [backend.exchange(said(member, seq=8), 3, read=False).merged_seq for member in ("back", "asleep", "here")]
    assert merged == [4, 7, None]


def test_a_restored_member_goes_on(make_backend):
    """A member that another process restored publishes as before, from the restored number."""
    backend = make_backend()
    backend.restore(Knowledge(totals={"one": (9, b"9")}))
    before = everything(backend)
    backend.exchange(said(seq=9, totals=b"again"), 0, read=False)
    assert everything(backend) == before
    assert backend.exchange(said(seq=10, totals=None), 0, read=False).kept_seq == 9
    backend.exchange(said(seq=11, totals=b"11"), 0, read=False)
    assert everything(backend).contents == contents({"one": b"11"})
