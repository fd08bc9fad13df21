"""What every shared state must do, whatever stores it: run by ``from backend_contract import *``.

The module that runs it has a fixture ``make_backend(bounds=Bounds())``: each call returns another backend on the same
state, as another process would have it. The state is new in each test; the backends are closed at the end.
"""

import threading
import time
from dataclasses import replace

import pytest

from hydrochat_otel.fleet.backend import Contents, Publication, Receipt
from hydrochat_otel.fleet.bounds import Bounds

NOW_S = time.time()
NO_PATIENCE = Bounds(silent_after_s=-1.0)
"""Bounds under which every member is silent, however recently it published."""


def said(member="one", seq=1, totals=b"totals", entries=(), *, leaving=False):
    return Publication(member=member, seq=seq, totals=totals, entries=entries, leaving=leaving)


def entries(*ages_s):
    """Entries of these ages, each with its age as text."""
    return [(NOW_S - age_s, f"{age_s:g}".encode()) for age_s in ages_s]


def everything(backend, known=0):
    """What is stored, without what differs from run to run."""
    receipt = backend.exchange(None, known, read=True)
    assert receipt.age_s >= 0
    restored = None if receipt.restored_age_s is None else 0.0
    return replace(receipt, store_id="", age_s=0.0, restored_age_s=restored)


def receipt(**changes):
    """The receipt of an unused state, with these changes."""
    untouched = Receipt(
        store_id="",
        age_s=0.0,
        restored_age_s=None,
        merged_seq=None,
        kept_seq=None,
        departed_version=0,
        departed=None,
        members=0,
        silent={},
        contents=Contents(totals={}, entries=[], evicted={}),
    )
    return replace(untouched, **changes)


def contents(totals=None, entries=(), evicted=None):
    return Contents(totals=totals or {}, entries=list(entries), evicted=evicted or {})


def test_a_state_is_made_empty(backend):
    """The first call makes an empty state."""
    assert everything(backend) == receipt()


def test_what_one_publishes_all_read(make_backend):
    """Each member reads the totals and entries of all members, in its next transaction."""
    one, two, reader = make_backend(), make_backend(), make_backend()
    one.exchange(said("one", totals=b"1", entries=entries(20)), 0, read=False)
    own = two.exchange(said("two", totals=b"2", entries=entries(30, 10)), 0, read=True)
    kept = contents({"one": b"1", "two": b"2"}, [b"30", b"20", b"10"])
    assert own.contents == kept
    assert everything(reader) == receipt(members=2, contents=kept)


def test_contents_come_only_on_request(backend):
    """An exchange that does not read answers without contents."""
    assert backend.exchange(said(), 0, read=False).contents is None
    assert backend.exchange(None, 0, read=False).contents is None


def test_all_bytes_are_kept_as_they_are(make_backend):
    """Totals and entries are bytes of any value, and may be long."""
    totals = bytes(range(256)) * 1000
    make_backend().exchange(said(totals=totals, entries=[(NOW_S, b"\x00\xff'\r\n")]), 0, read=False)
    assert everything(make_backend()).contents == contents({"one": totals}, [b"\x00\xff'\r\n"])


def test_the_newest_totals_of_a_member_replace_the_ones_before(backend):
    """Totals are stored until the member publishes other ones; a publication without totals leaves them."""
    backend.exchange(said(totals=b"1"), 0, read=False)
    unchanged = backend.exchange(said(seq=2, totals=None, entries=entries(1)), 0, read=False)
    assert unchanged.kept_seq == 1
    assert everything(backend).contents == contents({"one": b"1"}, [b"1"])
    backend.exchange(said(seq=3, totals=b"3"), 0, read=False)
    assert everything(backend).contents == contents({"one": b"3"}, [b"1"])


@pytest.mark.parametrize("seq", [4, 5])
def test_what_was_published_before_changes_nothing(backend, seq):
    """A publication whose number is not above the stored one is not applied again."""
    first = said(seq=5, entries=entries(1))
    backend.exchange(first, 0, read=False)
    before = everything(backend)
    again = backend.exchange(said(seq=seq, totals=b"another", entries=entries(1, 2)), 0, read=False)
    assert (again.kept_seq, again.merged_seq) == (5, None)
    assert everything(backend) == before


def test_an_unknown_member_without_totals_stores_only_entries(backend):
    """If a member has never published totals, only its entries are stored, and each once."""
    answer = backend.exchange(said(seq=7, totals=None, entries=entries(3)), 0, read=False)
    assert answer.kept_seq is None
    assert everything(backend) == receipt(contents=contents(entries=[b"3"]))
    assert backend.exchange(said(seq=7, totals=b"7", entries=entries(3)), 0, read=False).kept_seq is None
    assert everything(backend) == receipt(members=1, contents=contents({"one": b"7"}, [b"3"]))


def test_the_window_is_in_order_of_time(backend):
    """Entries are returned oldest first, in whatever order they were published, and each once."""
    backend.exchange(said(entries=entries(5, 9, 1)), 0, read=False)
    backend.exchange(said("two", entries=entries(7, 3, 9)), 0, read=False)
    assert everything(backend).contents.entries == [b"9", b"7", b"5", b"3", b"1"]


def test_the_oldest_entries_leave_a_full_window(make_backend):
    """No more entries are stored than the bounds allow, the newest of all members, and the others are counted."""
    backend = make_backend(Bounds(max_entries=3))
    backend.exchange(said(entries=entries(5, 1, 4)), 0, read=False)
    backend.exchange(said("two", entries=entries(2, 6)), 0, read=False)
    assert everything(backend).contents == contents(
        {"one": b"totals", "two": b"totals"}, [b"4", b"2", b"1"], {"capacity": 2}
    )


def test_expired_entries_leave_the_window(make_backend):
    """An expired entry is neither stored nor returned, is counted once, and leaves before the window is full."""
    young = make_backend(Bounds(max_entries=2, ttl_s=50_000))
    young.exchange(said(entries=entries(40_000, 60_000, 20_000)), 0, read=False)
    assert everything(young).contents == contents({"one": b"totals"}, [b"40000", b"20000"], {"age": 1})
    stricter = make_backend(Bounds(ttl_s=30_000))
    assert everything(stricter).contents == contents({"one": b"totals"}, [b"20000"], {"age": 2})
    assert everything(young).contents == contents({"one": b"totals"}, [b"20000"], {"age": 2})


def test_a_member_that_says_nothing_for_long_is_silent(make_backend):
    """A member that did not publish within the bounds is returned with its last number, and no longer counted."""
    one, impatient = make_backend(), make_backend(NO_PATIENCE)
    one.exchange(said("one", seq=3), 0, read=False)
    one.exchange(said("two", seq=8), 0, read=False)
    assert everything(one) == receipt(members=2, contents=contents({"one": b"totals", "two": b"totals"}))
    assert everything(impatient) == receipt(
        silent={"one": 3, "two": 8}, contents=contents({"one": b"totals", "two": b"totals"})
    )


def test_a_member_that_leaves_is_silent_at_once(make_backend):
    """A member that leaves is returned as silent in the same answer, whether it leaves once or twice."""
    one, two = make_backend(), make_backend()
    two.exchange(said("two"), 0, read=False)
    for _ in range(2):
        answer = one.exchange(said("one", seq=4, totals=b"4", leaving=True), 0, read=False)
        assert (answer.members, answer.silent) == (1, {"one": 4})
    assert everything(two).contents == contents({"one": b"4", "two": b"totals"})


def test_any_publication_says_that_the_member_lives(backend):
    """A silent member that publishes again is no longer silent, even if there is nothing new to write."""
    backend.exchange(said(leaving=True), 0, read=False)
    answer = backend.exchange(said(), 0, read=False)
    assert (answer.members, answer.silent) == (1, {})


def test_concurrent_publications_are_all_stored(make_backend):
    """Publications of several members at the same time are all applied, each once."""
    members, rounds = 4, 25
    backends = [make_backend() for _ in range(members)]
    start = threading.Barrier(members)

    def publish(number):
        start.wait()
        for seq in range(1, rounds + 1):
            text = f"{number}:{seq}".encode()
            backends[number].exchange(said(f"{number}", seq, text, [(NOW_S, text)]), 0, read=seq % 5 == 0)

    run_all(publish, members)
    kept = everything(backends[0])
    assert kept.members == members
    assert kept.contents.totals == {f"{number}": f"{number}:{rounds}".encode() for number in range(members)}
    assert sorted(kept.contents.entries) == sorted(
        f"{number}:{seq}".encode() for number in range(members) for seq in range(1, rounds + 1)
    )


@pytest.mark.parametrize("how", ["close", "abandon"])
def test_a_backend_without_connections_makes_new_ones(make_backend, how):
    """Closing and abandoning never raise, before the first call or twice, and the next call finds the same state."""
    backend = make_backend()
    getattr(backend, how)()
    store_id = backend.exchange(said(), 0, read=False).store_id
    getattr(backend, how)()
    getattr(backend, how)()
    assert everything(backend) == receipt(members=1, contents=contents({"one": b"totals"}))
    assert backend.exchange(None, 0, read=False).store_id == store_id


def test_all_see_the_same_state(make_backend):
    """Every backend on one state returns the same random identifier and the same kind."""
    ids = {make_backend().exchange(None, 0, read=False).store_id for _ in range(3)}
    assert len(ids) == 1
    assert len(ids.pop()) >= 16
    assert make_backend().kind in {"sqlite", "redis"}


def run_all(work, count):
    """Run the work for each number in a thread of its own, and raise what it raised."""
    failed = []

    def one(number):
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
