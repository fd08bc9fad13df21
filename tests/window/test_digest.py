"""Promises of :mod:`hydrochat_otel.window.digest`: sums that follow the window equal those of all of it."""

import itertools
import math
import random
import statistics
import threading

import pytest

from hydrochat_otel import semconv
from hydrochat_otel.window import digest
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.summary import Summary, Tally, percentile

NAMES = [f"step.{number}" for number in range(7)]
NOW_S = 1_750_000_000.0
STEP_S = 600


def an_entry(chance, unix_s):
    """Return an entry of any kind, with odd values now and then."""
    kind = chance.choice(["operation"] * 6 + ["gemini", "gemini", "span", "result"])
    odd = chance.random() < 0.02
    common = {"span_id": chance.getrandbits(64), "outcome": chance.choice(semconv.OUTCOMES)}
    if kind == "operation":
        duration_s = chance.choice([math.nan, math.inf, 5e-324, 1e300, 2]) if odd else chance.expovariate(1)
        error = chance.choice([None, None, None, "ValueError"])
        return Entry(kind, chance.choice(NAMES), duration_s, unix_s, duration_s > 2, error, **common)
    tokens = chance.choice([None, (1, 2, 3, 4, 5), (2**80, 0, 0, 0, 0) if odd else (0, 0, 0, 0, 0)])
    cost_usd = chance.choice([None, math.nan if odd else chance.random() / 1000])
    name = chance.choice(["generate_content", "embeddings", "count_tokens"])
    return Entry(kind, name, 0.5, unix_s, tokens=tokens, cost_usd=cost_usd, incomplete=chance.random() < 0.1, **common)


def moving_windows(seed, *, size=120):
    """Yield states of a window: entries arrive in order or late, leave at the old end, and now and then all change."""
    chance = random.Random(seed)
    clock, kept = NOW_S, []
    for _ in range(25):
        for _ in range(chance.choice([0, 1, 5, 40])):
            clock += chance.choice([0.0, 0.001, 30.0])
            late = chance.random() < 0.1
            kept.insert(len(kept) - (3 if late else 0) if len(kept) > 3 else len(kept), an_entry(chance, clock - late))
        if chance.random() < 0.05:
            kept = []
        if kept and chance.random() < 0.1:
            del kept[chance.randrange(len(kept))]
        kept = kept[-size:]
        yield tuple(kept), clock


def plainly(entries):
    """Return the summary of the operations, computed at once with the plain functions."""
    rows = [one for one in entries if one.kind == "operation" and math.isfinite(one.duration_s)]
    if not rows:
        return Summary()
    times = sorted(one.duration_s for one in rows)
    violations = sum(one.exceeded_threshold for one in rows)
    return Summary(
        len(rows),
        math.fsum(times) / len(rows),
        times[-1],
        times[0],
        *(percentile(times, fraction) for fraction in (0.5, 0.95, 0.99)),
        violations,
        violations / len(rows),
        sum(one.error is not None for one in rows),
    )


def by_name(entries):
    """Return the plain summaries by name."""
    names = sorted({one.operation for one in entries if one.kind == "operation" and math.isfinite(one.duration_s)})
    return {name: plainly([one for one in entries if one.operation == name]) for name in names}


def call_sums(entries):
    """Return what calls add up to, computed at once."""
    billed = [one for one in entries if one.is_billed]
    used = [(one, sum(one.tokens or ())) for one in billed]
    known = [one.cost_usd is not None and math.isfinite(one.cost_usd) for one in billed]
    unpriced = [tokens for (_, tokens), is_known in zip(used, known, strict=True) if tokens and not is_known]
    incomplete = [tokens for one, tokens in used if one.incomplete]
    unreconciled = sum(
        not tokens and one.outcome in {"ok", "cancelled"} and one.operation in semconv.TOKEN_OPERATIONS
        for one, tokens in used
    )
    return (
        sum(one.is_call for one in billed),
        sum(tokens for _, tokens in used),
        math.fsum(one.cost_usd for one, is_known in zip(billed, known, strict=True) if is_known),
        (len(unpriced), sum(unpriced), unreconciled, len(incomplete), sum(incomplete)),
    )


@pytest.mark.parametrize("seed", range(12))
def test_each_sum_equals_that_of_the_whole_window(seed):
    """Headline, windows, violations, steps and the oldest end of every state are what adding up all of it gives."""
    for entries, clock in moving_windows(seed):
        whole = plainly(entries)
        assert digest.headline(entries) == (
            whole.metrics_count,
            whole.avg_response_time,
            whole.max_response_time,
            whole.threshold_violations,
        )
        moments = [-math.inf, clock - 60, clock - 600, clock - 86_400]
        inside = [[one for one in entries if one.end_unix_s >= moment] for moment in moments]
        assert digest.windows(entries, moments) == [(plainly(some), by_name(some)) for some in inside]
        later = [one for one in entries if one.end_unix_s > clock - 60]
        assert digest.violations(entries, clock - 60) == plainly(later).threshold_violations
        start = (math.floor(clock / STEP_S) - 3) * STEP_S
        steps = [[one for one in entries if 0 <= one.end_unix_s - start - STEP_S * n < STEP_S] for n in range(4)]
        assert digest.steps(entries, start, STEP_S, 4) == [(plainly(some), call_sums(some)) for some in steps]
        assert digest.oldest_unix_s(entries) == min((one.end_unix_s for one in entries), default=None)


def test_views_of_different_states_in_any_order_are_right():
    """Older states, other lengths of steps and windows that go back in time are answered as exactly as the newest."""
    states = list(moving_windows(99))
    for entries, clock in random.Random(1).sample(states, len(states)):
        assert digest.windows(entries, [clock - 300])[0].whole == plainly(
            [one for one in entries if one.end_unix_s >= clock - 300]
        )
        for step_s in (7, 60, 600, 86_400, 3600, 7):
            start = math.floor(clock / step_s) * step_s
            inside = [one for one in entries if start <= one.end_unix_s < start + step_s]
            assert digest.steps(entries, start, step_s, 1) == [(plainly(inside), call_sums(inside))]


def test_an_interrupted_view_does_not_spoil_the_next(monkeypatch):
    """An exception that a signal handler raises while the sums change costs the next view time, and no number."""
    entries = tuple(Entry("operation", "turn", 0.1 * place, NOW_S + place) for place in range(200))
    digest.windows(entries[:150], [-math.inf])
    with monkeypatch.context() as interrupted:
        interrupted.setattr(Tally, "add", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            digest.windows(entries[10:160], [-math.inf])
    for begin in (10, 20):
        found = digest.windows(entries[begin : begin + 150], [-math.inf])
        assert found[0].whole == plainly(entries[begin : begin + 150])


def test_threads_that_view_different_states_get_their_own_numbers():
    """Two threads that view two states at the same time each get the numbers of the state that they asked for."""
    states = list(itertools.islice(moving_windows(7), 12))
    wrong = []

    def view(order):
        for entries, _ in order * 5:
            if digest.headline(entries)[1] != plainly(entries).avg_response_time:
                wrong.append(entries)

    threads = [threading.Thread(target=view, args=(order,)) for order in (states, states[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_view_costs_what_is_new(monkeypatch):
    """After the first view, a window of which ten entries are new has only those and the ones that left looked at."""
    entries = tuple(Entry("operation", "turn", 1.0, NOW_S + place) for place in range(2000))
    assert digest.headline(entries[:1500])[0] == 1500
    looked_at = []
    times_of = digest.times_of
    monkeypatch.setattr(digest, "times_of", lambda found: times_of(looked_at.extend(found) or found))
    assert digest.headline(entries[10:1510])[0] == 1500
    assert len(looked_at) == 20


def test_the_mean_of_times_whose_sum_is_infinite_is_infinite():
    """Two durations near the largest double have no finite sum: the mean is infinite, and nothing is raised."""
    entries = (Entry("operation", "turn", 1.7e308, NOW_S), Entry("operation", "turn", 1.7e308, NOW_S))
    assert digest.headline(entries) == (2, math.inf, 1.7e308, 0)
    assert statistics.fmean([1.7e308]) == digest.headline(entries[:1])[1]
