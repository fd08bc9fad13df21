"""Promise: a call that is noted in a few fields is in the window and in the metrics as if it had all of them."""

import os
import time

import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from hydrochat_otel.instrumentation import usual as usual_operations
from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation, OperationLabels
from hydrochat_otel.instrumentation.usual import InnerOperation, UsualOperation, are_unsampled
from hydrochat_otel.window.notable import NotableTurns

LABELS = [OperationLabels(None, name, "root", name) for name in ("ask", "render")]
STEP = OperationLabels(None, "look", "step", "ask")
SAMPLED = SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1))
UNSAMPLED = SpanContext(9, 10, is_remote=True)


def usual(number):
    """Return the records of so many calls."""
    return UsualOperation.complete(
        [(LABELS[place // 3 % 2], 5_000 + place * 0.37, 0.001 * place) for place in range(number)]
    )


def test_columns_are_those_of_the_entries():
    """Of several names, of one, and of a single record."""
    for some in (usual(20), usual(3), usual(1)):
        assert list(zip(*UsualOperation.columns(some), strict=True)) == [one.entry() for one in some]


def test_an_entry_is_that_of_the_same_operation_with_all_fields():
    """But for the id, which every record has for itself, and for the resolution of a clock in seconds."""
    for one in usual(20):
        labels, ended_s, duration_s = one.noted
        ended = Ended(duration_s, round((ended_s + one.difference_s) * 1e9), "ok", None)
        same, entry = FinishedOperation(*ended, labels, False).entry(), one.entry()
        assert abs(same.end_unix_s - entry.end_unix_s) < 1e-6
        assert same._replace(span_id=0, end_unix_s=0) == entry._replace(span_id=0, end_unix_s=0)
        assert (one.exceeded, one.role, one.ended.outcome, one.ended.error_type) == (False, "root", "ok", None)


def inner(*around, labels=STEP):
    """Return the records of a call inside each of these spans."""
    return UsualOperation.complete([(labels, 5_000 + place * 0.37, 0.001, one) for place, one in enumerate(around)])


def test_one_inside_something_belongs_to_what_is_around():
    """Its entry, its columns and its exemplar are those of the same operation with all fields."""
    some = inner(SAMPLED, UNSAMPLED, None)
    assert {type(one) for one in some} == {InnerOperation}
    assert list(zip(*InnerOperation.columns(some), strict=True)) == [one.entry() for one in some]
    for one in some:
        labels, ended_s, duration_s, around = one.noted
        ids = (around.trace_id, around.span_id, around.span_id, around.trace_flags.sampled) if around else (0, 0, 0)
        ended = Ended(duration_s, round((ended_s + one.difference_s) * 1e9), "ok", None, *ids)
        same, entry = FinishedOperation(*ended, labels, False), one.entry()
        assert same.entry()._replace(span_id=0, end_unix_s=0) == entry._replace(span_id=0, end_unix_s=0)
        assert (one.trace_id, one.span_id, one.is_sampled) == (same.trace_id, same.span_id, same.is_sampled)
        assert (one.exceeded, one.role, one.ended.trace_id, one.ended.outcome) == (False, "step", same.trace_id, "ok")


def test_both_kinds_are_completed_together_in_their_order():
    """Each tuple gives one record of its kind."""
    noted = [(LABELS[0], 1.0, 0.1), (STEP, 2.0, 0.1, SAMPLED), (LABELS[1], 3.0, 0.1), (STEP, 4.0, 0.1, None)]
    assert [(type(one), one.noted) for one in UsualOperation.complete(noted)] == [
        (UsualOperation, noted[0]),
        (InnerOperation, noted[1]),
        (UsualOperation, noted[2]),
        (InnerOperation, noted[3]),
    ]
    assert UsualOperation.complete([]) == []


@pytest.mark.parametrize(("around", "expected"), [([None, UNSAMPLED], True), ([None, SAMPLED], False)])
def test_one_in_a_sampled_span_may_be_an_exemplar(around, expected):
    """All others are fed without looking at each."""
    assert are_unsampled(inner(*around)) is expected


def test_a_step_is_no_turn_of_its_own():
    """The window looks at each, unless all are roots."""
    assert not InnerOperation.are_unremarkable([*inner(UNSAMPLED), *inner(UNSAMPLED, labels=LABELS[0])])
    assert InnerOperation.are_unremarkable(inner(UNSAMPLED, None, labels=LABELS[0]))


def test_one_among_notable_work_is_not_notable():
    """Work of another kind makes the window look at each."""
    failed = FinishedOperation(*Ended(0.1, 10**18, "error", "ValueError"), LABELS[0], False)
    turns = NotableTurns(wall=lambda: 1e9)
    turns.see([failed, *usual(3)])
    assert turns.turns() == ((failed.entry(),),)


def test_ids_are_distinct_and_fit_into_64_bits():
    """Also those of two pieces of the queue, and of a forked child."""
    ids = [one.own_id for one in usual(100) + usual(100)]
    assert len(set(ids)) == 200
    assert all(0 <= one < 2**64 for one in ids)
    pid = os.fork()
    if not pid:
        os._exit(usual(1)[0].own_id - ids[-1] == 1)
    assert os.waitpid(pid, 0)[1] == 0, "the child gives the ids that its parent gives"


class Machine:
    """A machine whose clocks need different times to be read; something else runs during the first look."""

    def __init__(self):
        self.now_s, self.reading_s = 100.0, [1.0, 0.5, 1e-6]

    def perf_counter(self):
        """Return the monotonic time."""
        self.now_s += self.reading_s[0] if len(self.reading_s) == 1 else self.reading_s.pop(0)
        return self.now_s

    def time(self):
        """Return the time of day."""
        return self.now_s + 1_764_385_000.0


def test_work_is_dated_by_the_clocks_when_it_is_settled(monkeypatch):
    """To the microsecond, also if something else ran while both clocks were read."""
    monkeypatch.setattr(usual_operations, "time", Machine())
    [one] = UsualOperation.complete([(LABELS[0], 90.25, 0.001)])
    assert one.entry().end_unix_s == pytest.approx(1_764_385_090.25, abs=2e-6)
    monkeypatch.undo()
    before_s, moment_s, after_s = time.time(), time.perf_counter(), time.time()
    [one] = UsualOperation.complete([(LABELS[0], moment_s, 0.001)])
    assert before_s - 1e-3 <= one.entry().end_unix_s <= after_s + 1e-3


class Taken(list):
    """Takes work of one kind."""

    take = list.append

    def take_first(self, work, number):
        """Take so many of the first."""
        self += work[:number]
        del work[:number]


class Recorder:
    """Has a place for each name."""

    def __init__(self):
        self.kinds = {}

    def usual_operations(self, labels):
        """Return the place."""
        return self.kinds.setdefault(labels.name, Taken())

    def inner_operations(self, labels):
        """Return the place of one inside something."""
        return self.kinds.setdefault(f"inside {labels.name}", Taken())


def test_several_are_fed_by_their_labels():
    """Each goes once to what feeds its labels, in its order."""
    recorder = Recorder()
    labels = [OperationLabels(recorder, name, "root", name) for name in "ab"]
    some = UsualOperation.complete([(labels[place % 2], 0.0, float(place)) for place in range(6)])
    waiting = [*some, "another"]
    UsualOperation.feed_first(waiting, 6)
    assert waiting == ["another"]
    assert recorder.kinds == {"a": some[0::2], "b": some[1::2]}
    some = UsualOperation.complete([(labels[place % 2], 0.0, float(place), UNSAMPLED) for place in range(6)])
    waiting = [*some, "another"]
    InnerOperation.feed_first(waiting, 6)
    assert waiting == ["another"]
    some[0].feed()
    assert recorder.kinds["inside a"] == [*some[0::2], some[0]]
    assert recorder.kinds["inside b"] == some[1::2]
