"""Promise: a call that is noted in three fields is in the window and in the metrics as if it had all of them."""

import os

from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation, OperationLabels
from hydrochat_otel.instrumentation.usual import UsualOperation
from hydrochat_otel.window.notable import NotableTurns

LABELS = [OperationLabels(None, name, "root", name) for name in ("ask", "render")]


def usual(number):
    """Return the records of so many calls."""
    return UsualOperation.complete(
        [(LABELS[place // 3 % 2], 1_764_385_000 + place * 0.37, 0.001 * place) for place in range(number)]
    )


def test_columns_are_those_of_the_entries():
    """Of several names, of one, and of a single record."""
    for some in (usual(20), usual(3), usual(1)):
        assert list(zip(*UsualOperation.columns(some), strict=True)) == [one.entry() for one in some]


def test_an_entry_is_that_of_the_same_operation_with_all_fields():
    """But for the id, which every record has for itself, and for the resolution of a clock in seconds."""
    for one in usual(20):
        labels, started_unix_s, duration_s = one.noted
        ended = Ended(duration_s, round((started_unix_s + duration_s) * 1e9), "ok", None)
        same, entry = FinishedOperation(*ended, labels, False).entry(), one.entry()
        assert abs(same.end_unix_s - entry.end_unix_s) < 1e-6
        assert same._replace(span_id=0, end_unix_s=0) == entry._replace(span_id=0, end_unix_s=0)
        assert (one.exceeded, one.role, one.ended.outcome, one.ended.error_type) == (False, "root", "ok", None)


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


class Taken(list):
    """Takes work of one kind."""

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


def test_several_are_fed_by_their_labels():
    """Each goes once to what feeds its labels, in its order."""
    recorder = Recorder()
    labels = [OperationLabels(recorder, name, "root", name) for name in "ab"]
    some = UsualOperation.complete([(labels[place % 2], 0.0, float(place)) for place in range(6)])
    waiting = [*some, "another"]
    UsualOperation.feed_first(waiting, 6)
    assert waiting == ["another"]
    assert recorder.kinds == {"a": some[0::2], "b": some[1::2]}
