"""Promises of :mod:`hydrochat_otel.window.notable`."""

import json
import random
import sys
import threading
from contextlib import suppress
from itertools import count

import pytest
from conftest import TOKEN

from hydrochat_otel import web
from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation, OperationLabels
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.web import Request, respond
from hydrochat_otel.window import notable
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import NotableTurns


def turn(number, *, name="turn", took_s=1.0, slow=False, error=None, cost_usd=None, steps=1, end_s=1000.0):
    """Return the entries of one turn in the order in which they end: steps with a call each, then the root."""
    for step in range(steps):
        yield Entry("gemini", "generate_content", 0.1, end_s, trace_id=number, span_id=100 + step, model="flash",
                    cost_usd=cost_usd, root_operation=name, operation_name="step")  # fmt: skip
        yield Entry("operation", "step", 0.2, end_s, trace_id=number, span_id=200 + step, role="step")
    outcome = "error" if error else "ok"
    yield Entry("operation", name, took_s, end_s, slow, error, outcome, number, 1, role="root")


def seen(kept, *turns):
    for entries in turns:
        kept.see(entries)
    return [entry.operation for entry in kept.entries() if entry.role == "root"]


@pytest.fixture
def kept(clock):
    return NotableTurns(6, 3600.0, clock.wall)


def test_slow_failed_and_expensive_turns_are_kept_whole(kept, clock):
    """Of thousands of turns the notable ones stay, with their steps and calls; quick, free ones do not."""
    end_s = clock.wall_s
    seen(kept, turn(1, name="slow", slow=True, took_s=9.0, end_s=end_s), turn(2, name="failed", error="E", end_s=end_s))
    seen(kept, turn(3, name="expensive", cost_usd=5.0, end_s=end_s))
    roots = seen(kept, *(turn(10 + number, name="quick", end_s=end_s) for number in range(3000)))
    assert sorted(roots) == ["expensive", "failed", "slow"]
    assert len(kept.entries()) == 9


def test_the_set_is_bounded(kept, clock):
    """Each kind has a third of the places: the newest failed, the slowest, the most expensive."""
    end_s = clock.wall_s
    failed = [turn(number, name=f"failed{number}", error="E", end_s=end_s + number / 100) for number in range(50)]
    slow = [turn(100 + n, name=f"slow{n}", slow=True, took_s=float((n * 7) % 50), end_s=end_s) for n in range(50)]
    expensive = [turn(200 + n, name=f"expensive{n}", cost_usd=float((n * 7) % 50), end_s=end_s) for n in range(1, 50)]
    roots = seen(kept, *failed, *slow, *expensive)
    slowest = sorted(range(50), key=lambda n: (n * 7) % 50)[-2:]
    assert sorted(roots) == sorted(
        ["failed48", "failed49", *(f"slow{n}" for n in slowest), *(f"expensive{n}" for n in slowest)]
    )


def test_a_turn_leaves_with_its_age(kept, clock):
    """After the time to live a turn is not shown, and is replaced although it was the slowest."""
    seen(kept, *(turn(number, name="old", slow=True, took_s=60.0, end_s=clock.wall_s) for number in range(2)))
    clock.advance(3601)
    assert kept.entries() == []
    newest = [turn(10 + n, name="new", slow=True, took_s=3.0, end_s=clock.wall_s) for n in range(2)]
    assert seen(kept, *newest) == ["new", "new"]


def test_open_turns_cost_bounded_memory(kept, clock):
    """Steps whose turn never ends, and turns of a million steps, stay within bounds."""
    for number in range(2000):
        kept.see([Entry("operation", "step", 0.1, clock.wall_s, trace_id=number, role="step")])
    roots = seen(kept, turn(9999, name="endless", slow=True, steps=5000, end_s=clock.wall_s))
    assert roots == ["endless"]
    assert len(kept.entries()) <= 201
    assert len(kept._open) <= 256


@pytest.mark.parametrize("seed", range(5))
def test_records_are_sorted_as_their_entries(clock, seed):
    """Operations whose entries are not made give the same notable turns as their entries; nothing of them stays."""
    chance, end_ns = random.Random(seed), int(clock.wall_s * 1e9)
    one, other = (NotableTurns(30, 3600.0, clock.wall) for _ in range(2))
    for _ in range(400):
        trace_id, role = chance.randrange(30), chance.choice(["root", "step", "step"])
        outcome, error = chance.choice([*[("ok", None)] * 20, ("error", "E"), ("cancelled", None), ("blocked", None)])
        end_ns += 1000
        ended = Ended(chance.random(), end_ns, outcome, error, trace_id, end_ns, 1, True, True)
        made = FinishedOperation(*ended, OperationLabels(None, "work", role, "turn"), chance.random() < 0.1)
        if chance.random() < 0.1:
            made = Entry("gemini", "generate_content", 0.1, end_ns / 1e9, trace_id=trace_id, cost_usd=chance.random())
        one.see([made])
        other.see([made if isinstance(made, Entry) else made.entry()])
    assert one.turns() == other.turns()
    assert len(one.turns()) > 5
    one.make_entries()
    assert {type(kept) for inside in one._open.values() for kept in inside} == {Entry}


def call(chance, number, end_s):
    """Return a call of one of a few costs, mostly by itself and mostly good."""
    ending = chance.choice([("ok", None), ("ok", None), ("ok", None), ("blocked", None), ("error", "E")])
    root = chance.choice([None, None, None, "turn"])
    cost_usd = chance.choice([None, 0.0, 1.0, 2.0, 3.0])
    return Entry("gemini", "generate_content", 0.1, end_s, error=ending[1], outcome=ending[0], trace_id=number // 3,
                 span_id=number, cost_usd=cost_usd, root_operation=root)  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_calls_are_sorted_together_as_one_after_another(clock, seed):
    """Good calls are compared with the kept ones in one step: with the same result, also when some have expired."""
    chance = random.Random(seed)
    together, alone = NotableTurns(12, 100.0, clock.wall), NotableTurns(12, 100.0, clock.wall)
    number = 0
    for _ in range(8):
        some = []
        for _ in range(chance.randrange(12)):
            number += 1
            some.append(call(chance, number, clock.wall_s - chance.choice([0, 50, 99])))
            if not chance.randrange(4):
                some.extend(turn(number // 3, cost_usd=chance.choice([None, 1.0, 2.5]), end_s=clock.wall_s))
        together.see(some)
        for one in some:
            alone.see([one])
            alone.turns()
        assert together.turns() == alone.turns()
        clock.advance(chance.choice([0.5, 40.0, 70.0]))


def test_a_signal_handler_that_raises_loses_one_turn_at_most(clock):
    """Whichever line of the sorting it interrupts; and nothing is kept twice."""
    calls = [call(random.Random(number), number, clock.wall_s) for number in range(20)]

    def sorted_until(nth):
        kept, lines = NotableTurns(120, 100.0, clock.wall), count(1)
        kept.see(calls)

        def interrupt(frame, event, _argument):
            if frame.f_code.co_filename != notable.__file__:
                return None
            # A tracer can raise where no signal can: between taking the lock and the first line that it guards.
            if event == "line" and frame.f_code.co_name != "_sort" and next(lines) == nth:
                raise KeyboardInterrupt
            return interrupt

        sys.settrace(interrupt)
        with suppress(KeyboardInterrupt):
            kept.turns()
        sys.settrace(None)
        return kept.turns(), next(lines) <= nth

    whole, _ = sorted_until(0)
    for nth in count(1):
        turns, is_over = sorted_until(nth)
        assert len(turns) == len(set(turns)) >= len(whole) - 1
        if is_over:
            break
    assert nth > 100


def test_none_are_kept_if_disabled(clock):
    """HYDROCHAT_NOTABLE_TURNS=0 keeps nothing."""
    assert seen(NotableTurns(0, 3600.0, clock.wall), turn(1, slow=True, end_s=clock.wall_s)) == []


def test_writers_never_wait(kept, clock):
    """While another thread sorts, a writer does not wait, and its entries are included in the next reading."""
    with kept._lock:
        thread = threading.Thread(target=lambda: seen_by_writer(kept, clock.wall_s))
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    assert [entry.role for entry in kept.entries()].count("root") == 2


def seen_by_writer(kept, end_s):
    for number in range(400):
        kept.see(turn(number, slow=True, end_s=end_s))


def test_the_page_still_has_a_turn_that_left_the_window(install):
    """A failed turn is found, and opens, after the window's entries have all been replaced by newer ones."""
    install(max_entries=20)
    with pytest.raises(ValueError), track_response_time("chat.turn"):
        raise ValueError
    for _ in range(50):
        with track_response_time("quick"):
            pass

    def ask(query):
        request = Request("GET", web.TURNS_PATH, {"authorization": f"Bearer {TOKEN}"}, query=query)
        return json.loads(respond(request).body)

    assert "chat.turn" not in {entry.operation for entry in pipeline.current().snapshot().entries}
    [found] = ask("operation=chat.turn&outcome=failed")["turns"]
    assert ask(f"turn={found['id']}")["rows"][0]["error"] == "ValueError"


def test_a_turn_is_shown_if_a_signal_handler_raises_just_after_it_was_kept(kept, clock, monkeypatch):
    """It does not wait for another turn."""
    keep = notable._Group.keep

    def interrupted(group, one):
        keep(group, one)
        raise KeyboardInterrupt

    assert seen(kept) == []
    kept.see(turn(1, name="slow", slow=True, end_s=clock.wall_s))
    monkeypatch.setattr(notable._Group, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kept.turns()
    monkeypatch.setattr(notable._Group, "keep", keep)
    assert seen(kept) == ["slow"]
