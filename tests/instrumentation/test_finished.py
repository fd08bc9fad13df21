"""Promises of :mod:`hydrochat_otel.instrumentation.finished`."""

import os
import random

import pytest

from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation, OperationLabels
from hydrochat_otel.window.entry import Entry

TRACED = Ended(0.25, 1_750_000_000_500_000_000, "error", "ValueError", 2**127, 2**63, 7, True, True)
UNTRACED = Ended(0.25, 1_750_000_000_500_000_000, "ok", None)


def finished(ended, *, role="root"):
    return FinishedOperation(*ended, OperationLabels(None, "turn", role, "ask"), True)


def test_an_entry_has_what_the_record_states():
    """Each field of an operation's entry is the record's; what only calls have is unknown."""
    assert finished(TRACED, role="step").entry() == Entry(
        "operation",
        "turn",
        0.25,
        1_750_000_000.5,
        exceeded_threshold=True,
        error="ValueError",
        outcome="error",
        trace_id=2**127,
        span_id=2**63,
        parent_span_id=7,
        role="step",
        root_operation="ask",
    )


def test_columns_are_those_of_the_entries():
    """What the window packs of records, without their entries, has each value and type of these."""
    endings = [
        TRACED,
        UNTRACED,
        TRACED._replace(outcome="ok", error_type=None, parent_span_id=0),
        TRACED._replace(is_traced=False),
        TRACED._replace(span_id=7),
        UNTRACED._replace(is_traced=True, end_unix_ns=1_750_000_000_123_456_789),
    ]
    every = [finished(one, role=role) for one in endings for role in ("root", "step")]
    for some in (every, every[:2], every[4:6], every[6:]):
        entries = list(zip(*FinishedOperation.columns(some), strict=True))
        assert [tuple(map(repr, one)) for one in entries] == [tuple(map(repr, record.entry())) for record in some]


class Taken:
    """Takes operations as instruments do."""

    def __init__(self):
        self.groups = {}

    def operations(self, labels, error_type):
        """Return what takes operations of one kind."""
        taken = self.groups.setdefault((labels.name, error_type), [])

        class Kind:
            take = taken.append

            @staticmethod
            def take_first(work, number):
                taken.extend(work[:number])
                del work[:number]

        return Kind


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]])
@pytest.mark.parametrize("errors", [[None], [None, "E"]])
def test_several_are_fed_as_one_by_one(names, errors):
    """Each goes to the instruments of its own kind, in order; those that were not to be fed stay in the list."""
    together, alone = Taken(), Taken()
    labels = {using: [OperationLabels(using, name, "root", name) for name in names] for using in (together, alone)}
    chance = random.Random(1)
    picks = [(chance.randrange(len(names)), chance.choice(errors), number) for number in range(40)]
    records = {
        using: [FinishedOperation(*UNTRACED._replace(duration_s=n, error_type=e), labels[using][place], False)
                for place, e, n in picks]
        for using in (together, alone)
    }  # fmt: skip
    for one in records[alone][:30]:
        one.feed()
    FinishedOperation.feed_first(records[together], 30)
    assert [one.duration_s for one in records[together]] == list(range(30, 40))
    assert {key: [one.duration_s for one in some] for key, some in together.groups.items()} == {
        key: [one.duration_s for one in some] for key, some in alone.groups.items()
    }


@pytest.mark.parametrize(
    ("changes", "role", "expected"),
    [
        ({}, "root", True),
        ({}, "step", False),
        ({"outcome": "error"}, "root", False),
        ({"outcome": "cancelled"}, "root", False),
        ({"exceeded": True}, "root", False),
    ],
)
def test_only_roots_that_ended_well_and_in_time_are_unremarkable(changes, role, expected):
    """One other operation among many makes a batch remarkable."""
    usual = finished(UNTRACED)._replace(exceeded=False)
    other = finished(UNTRACED, role=role)._replace(exceeded=False)._replace(**changes)
    assert FinishedOperation.are_unremarkable([usual, other, usual]) is expected


def without_span(**changes):
    return [finished(UNTRACED._replace(trace_id=1, **changes)) for _ in range(1000)]


@pytest.mark.parametrize(
    "changes", [{}, {"span_id": 5}, {"is_traced": True}, {"is_traced": True, "span_id": 5, "parent_span_id": 5}]
)
def test_work_without_a_span_has_an_id_of_its_own(changes):
    """Its id is another one for each record, also of the same moment, and the same at each reading; 64 bits."""
    records = without_span(**changes)
    ids = [one.entry().span_id for one in records]
    assert len(set(ids)) == len(records)
    assert ids == [one.entry().span_id for one in records]
    assert 0 <= min(ids) <= max(ids) < 2**64
    assert max(ids) > 2**60


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_gives_other_ids():
    """A child's work of the same moment, at the same place in memory, has another id than its parent's."""
    record = finished(UNTRACED)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, str(record.entry().span_id).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(read, 100)) != record.entry().span_id
