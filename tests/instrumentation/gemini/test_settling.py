"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.settling`."""

from functools import partial

from google.genai import types
from hypothesis import given, settings, strategies as st

from hydrochat_otel.instrumentation.gemini.attempts import ONE_ANSWERED, Attempt
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.settling import settle
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.charges import CHARGES
from hydrochat_otel.runtime import failures
from hydrochat_otel.runtime.deferred_queue import DeferredQueue

CALLS = Calls(PriceBook(None))
_CHARGE = next(iter(CHARGES))


def reply(model="gemini-2.0-flash", prompt=7, **fields):
    """Return a reply of the SDK."""
    usage = types.GenerateContentResponseUsageMetadata(
        prompt_token_count=prompt,
        cached_content_token_count=prompt // 2 or None,
        candidates_token_count=2,
        total_token_count=prompt + 2,
    )
    candidate = types.Candidate(content=types.Content(parts=[types.Part(text="a word")]), finish_reason="STOP")
    stated = {"candidates": [candidate], "model_version": model, "usage_metadata": usage, "response_id": f"r{prompt}"}
    return types.GenerateContentResponse(**{**stated, **fields})


def ended(
    replies, *, model="gemini-2.5-pro", operation="generate_content", attempts=ONE_ANSWERED, outcome="ok", change=None
):
    """Return a call that has ended."""
    call = CALLS.begin(operation, model, None)
    call.attempts.made = attempts
    for one in replies:
        call.take(one)
    if change is not None:
        change(call)
    return call._record(None, outcome, call._started_ns + 5)


def usual(number=1):
    """Return a usual call."""
    return ended([reply(prompt=number)])


USUAL = st.integers(1, 10**6).map(lambda number: partial(usual, number))
ODD = st.sampled_from(
    [
        lambda: ended([]),
        lambda: ended([reply(), reply(prompt=9)]),
        lambda: ended([reply(model="unknown")]),
        lambda: ended([reply(model=None)], model="gemini-2.0-flash-exp"),
        lambda: ended([reply(usage_metadata=None)]),
        lambda: ended([reply(candidates=None)]),
        lambda: ended([reply()], attempts=(Attempt("2xx"),)),
        lambda: ended([reply()], attempts=(Attempt("429"), Attempt("2xx", 0.5))),
        lambda: ended([reply()], attempts=(Attempt("network"), Attempt("2xx", 0.5))),
        lambda: ended([reply()], outcome="cancelled"),
        lambda: ended([reply()], outcome="blocked"),
        lambda: ended([reply()], operation="batch_result"),
        lambda: ended([reply()], operation="embeddings"),
        lambda: ended([reply()], operation="count_tokens"),
        lambda: ended([reply()], change=lambda call: call.charge(_CHARGE, 2)),
        lambda: ended([reply()], change=lambda call: call.close_turn()),
        lambda: ended([reply()], change=lambda call: call.take_chunk(reply(prompt=11))),
    ]
)


@settings(deadline=None)  # the first example imports genai-prices
@given(st.lists(USUAL | ODD, max_size=12))
def test_several_are_settled_as_each_alone(makes):
    """Whatever calls there are, what is made together is what each makes by itself."""
    calls = [make() for make in makes]
    alone = [one._settled() for one in calls]
    settle(calls)
    assert [one.finished for one in calls] == alone
    assert all(len(one.made) == 1 for one in calls)


def test_usual_calls_are_settled_together():
    """Beside others; what was made already stays."""
    first, cut = usual(), ended([reply()], outcome="cancelled")
    made = first.finished
    calls = [first, *map(usual, range(1, 6)), cut]
    settle(calls)
    assert [len(one.made) for one in calls] == [1] * 6 + [0]
    assert first.finished is made


def test_a_failure_leaves_each_to_itself(monkeypatch):
    """A queue that cannot settle calls together loses none."""

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("hydrochat_otel.instrumentation.gemini.settling._settle_alike", fail)
    kept = []
    queue = DeferredQueue(keep=lambda entries: kept.extend(entries) or entries.clear())
    for number in range(1, 6):
        queue.put(usual(number))
    queue.settle()
    assert [entry.tokens[0] + entry.tokens[1] for entry in kept] == [1, 2, 3, 4, 5]
    assert not failures.counts().get("retention")
