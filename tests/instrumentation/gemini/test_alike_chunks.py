"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.alike_chunks`."""

import asyncio
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.genai import types
from hypothesis import given, strategies as st

from hydrochat_otel.instrumentation.gemini import alike_chunks, reply_facts
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.guarded_call import guarded
from hydrochat_otel.instrumentation.gemini.reply_record import ReplyRecord
from hydrochat_otel.instrumentation.gemini.streams import WatchedAsyncStream, WatchedStream
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.usage import MOST_TAKEN
from hydrochat_otel.runtime import failures

CALLS = Calls(PriceBook(None))
TIERED = types.HttpResponse(headers={reply_facts.TIER_HEADER: "priority"})


def of(values, *, rarely=()):
    """Return a strategy for one of the values, which gives the rare ones less often."""
    return st.sampled_from([*values * 6, *rarely])


counts = of([1, 2, 40], rarely=[None, 0, -1, 2**50])
details = of([None]) | st.builds(
    lambda modality, count: [types.ModalityTokenCount(modality=modality, token_count=count)],
    of(["TEXT"], rarely=["AUDIO"]),
    of([1, 40], rarely=[None, -1, 2**50]),
)
usages = st.builds(
    types.GenerateContentResponseUsageMetadata,
    prompt_token_count=counts,
    cached_content_token_count=of([None], rarely=[1, 2]),
    tool_use_prompt_token_count=of([None], rarely=[1, 7]),
    candidates_token_count=counts,
    thoughts_token_count=of([None], rarely=[3]),
    total_token_count=counts,
    prompt_tokens_details=details,
    cache_tokens_details=details,
    tool_use_prompt_tokens_details=details,
    candidates_tokens_details=details | st.just([]),
    traffic_type=of([None], rarely=[types.TrafficType.ON_DEMAND, types.TrafficType.PROVISIONED_THROUGHPUT]),
)


def text(**fields):
    """Return a part with text."""
    return types.Part(text="a word", **fields)


def candidate(*parts, **fields):
    """Return a candidate with these parts."""
    return types.Candidate(content=types.Content(parts=list(parts)), **{"index": 0, **fields})


CODE = types.ExecutableCode(code="1 + 1", language="PYTHON")
SEARCHED = types.GroundingMetadata(web_search_queries=["a wound"])
FETCHED = types.UrlContextMetadata(url_metadata=[types.UrlMetadata(retrieved_url="https://a")])
REFUSED = types.GenerateContentResponsePromptFeedback(block_reason="SAFETY")
CHANGES = (
    {},
    {"model_version": None},
    {"model_version": "gemini-2.5-pro"},
    {"response_id": ""},
    {"response_id": "another"},
    {"prompt_feedback": REFUSED},
    {"usage_metadata": None},
    {"usage_metadata": types.UsageMetadata(prompt_token_count=3, response_token_count=9, total_token_count=12)},
    {"candidates": None},
    {"candidates": []},
    {"candidates": [candidate()]},
    {"candidates": [types.Candidate()]},
    {"candidates": [types.Candidate(content=types.Content())]},
    {"candidates": [candidate(text(thought=True))]},
    {"candidates": [candidate(text(), text(executable_code=CODE))]},
    {"candidates": [candidate(text(), text())]},
    {"candidates": [candidate(text(), index=None)]},
    {"candidates": [candidate(text(), index=1)]},
    {"candidates": [candidate(text(), index=1, finish_reason="STOP")]},
    {"candidates": [candidate(text()), candidate(text(), index=1, finish_reason="STOP")]},
    {"candidates": [candidate(text(), finish_reason="STOP")]},
    {"candidates": [candidate(finish_reason="SAFETY")]},
    {"candidates": [candidate(text(), grounding_metadata=SEARCHED)]},
    {"candidates": [candidate(text(), url_context_metadata=FETCHED)]},
)
"""How a chunk of the middle of a stream may differ from the others."""


def alike(usage, **changed):
    """Return a chunk from the middle of a stream."""
    fields = {
        "candidates": [candidate(text())],
        "model_version": "gemini-2.0-flash",
        "response_id": "an id",
        "usage_metadata": usage,
        **changed,
    }
    return types.GenerateContentResponse.model_construct(**fields)


USAGE = types.GenerateContentResponseUsageMetadata(
    prompt_token_count=12, candidates_token_count=1, total_token_count=13
)
streams = st.builds(
    lambda some, response: [alike(usage, sdk_http_response=response, **changed) for usage, changed in some],
    st.lists(st.tuples(usages, st.just({}) | st.sampled_from(CHANGES)), max_size=9),
    of([None, types.HttpResponse(headers={"a": "b"})], rarely=[TIERED]),
)


def begun():
    """Return a call that has begun."""
    return CALLS.begin("generate_content", "gemini-2.0-flash", None, stream=True)


def facts(record):
    """Return all that a record states."""
    return (
        record.ledger(0.0, has_lost_attempts=False),
        record.finish_reasons,
        record.response_id,
        record.response_model,
        (record.has_answered, record.is_refused, record.is_blocked, record.states_usage),
    )


@pytest.fixture(scope="module", autouse=True)
def _no_failures():
    """No failure of ours happens in this module."""
    failures.forget()
    yield
    assert not failures.counts()


@pytest.mark.parametrize("changed", CHANGES, ids=str)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_chunk_that_differs_is_read_as_alone(changed, number):
    """As the first one, which the reader is made by, or among others."""
    stream = [alike(USAGE) for _ in range(4)]
    stream[number] = alike(USAGE, **changed)
    check(stream)


@given(streams)
def test_a_stream_states_what_reading_every_chunk_alone_states(stream):
    """Whatever its chunks state and leave out."""
    check(stream)


def check(stream):
    """Compare both after each chunk, so that a stream may also be abandoned there; the first answer has its time."""
    plain, watched = begun(), begun()
    chunks = WatchedStream(iter(stream), lambda: guarded(watched))
    answered = 0
    for number, chunk in enumerate(stream, 1):
        if plain._replies.read(chunk) and not answered:
            answered = number
        assert next(chunks) is chunk
        assert facts(watched._replies) == facts(plain._replies)
        assert len(watched._chunks.moments_s) == number
    times = watched._chunks
    if times is not None:
        assert times.answer_s == (times.moments_s[answered - 1] if answered else 0)


def long_stream():
    """Return a stream of many chunks whose counts grow."""
    return [
        alike(
            types.GenerateContentResponseUsageMetadata(
                prompt_token_count=12, candidates_token_count=number, total_token_count=12 + number
            )
        )
        for number in range(1, 2 * MOST_TAKEN)
    ]


@pytest.fixture
def plainly_read(monkeypatch):
    """The chunks that are read as any reply."""
    seen, read = [], ReplyRecord.read

    def noted(self, reply):
        seen.append(reply)
        return read(self, reply)

    monkeypatch.setattr(ReplyRecord, "read", noted)
    return seen


def test_chunks_in_the_middle_of_a_stream_are_read_by_the_generator(plainly_read):
    """Of a long stream, the first is read as any reply is, and one whenever so many counts wait."""
    stream, call = long_stream(), begun()
    assert list(WatchedStream(iter(stream), lambda: guarded(call))) == stream
    assert plainly_read == [stream[0], stream[MOST_TAKEN]]
    tokens = call._replies.ledger(0.0, has_lost_attempts=False).tokens
    assert (tokens.input_fresh, tokens.output_answer, tokens.reconciled) == (12, len(stream), True)


def test_so_are_those_of_an_asynchronous_stream(plainly_read):
    """An asynchronous stream has the same reader."""
    stream, call = long_stream(), begun()

    async def sent():
        for chunk in stream:
            yield chunk

    async def consume():
        return [chunk async for chunk in WatchedAsyncStream(sent(), guarded(call))]

    assert asyncio.run(consume()) == stream
    assert plainly_read == [stream[0], stream[MOST_TAKEN]]


def test_no_chunk_is_kept():
    """What the caller does not keep is freed before the next one is fetched, as with the SDK's own generator."""
    chunks, freed = [alike(one.usage_metadata) for one in long_stream()[:9]], []

    def sent():
        while chunks:
            freed.append(all(one() is None for one in seen))
            yield chunks.pop(0)

    call, seen = begun(), []
    for chunk in WatchedStream(sent(), lambda: guarded(call)):
        seen.append(weakref.ref(chunk))
        del chunk
    assert freed == [True] * 9


def test_the_end_of_an_answer_is_read_by_the_generator(plainly_read):
    """The last chunk differs from the others in why it ends."""
    stream, call = [*long_stream()[:5], alike(USAGE, candidates=[candidate(text(), finish_reason="STOP")])], begun()
    assert list(WatchedStream(iter(stream), lambda: guarded(call))) == stream
    assert plainly_read == stream[:1]
    assert call._replies.finish_reasons == ("stop",)


def test_a_failure_of_the_reader_costs_one_chunk(monkeypatch):
    """The reader that failed is left, and the next chunk is read as any reply is."""
    stream, call, made = long_stream()[:6], begun(), []

    def broken(_chunk):
        raise ZeroDivisionError

    def reader(*arguments):
        made.append(arguments)
        return broken if len(made) == 1 else None

    monkeypatch.setattr(alike_chunks, "reader", reader)
    assert list(WatchedStream(iter(stream), lambda: guarded(call))) == stream
    assert failures.counts()["google_genai.reply"] == 1
    failures.forget()
    assert len(call._chunks.moments_s) == 5
    assert call._replies.ledger(0.0, has_lost_attempts=False).tokens.output_answer == 6


def test_another_thread_cannot_disturb_the_reader():
    """It gets the exception that the SDK's own generator raises; the call goes on."""
    stream, call, answers = long_stream()[:3], begun(), []

    def sent():
        for chunk in stream:
            answers.append(pool.submit(next, chunks).exception(timeout=9))
            yield chunk

    chunks = WatchedStream(sent(), lambda: guarded(call))
    with ThreadPoolExecutor() as pool:
        assert list(chunks) == stream
    assert [(type(error), str(error)) for error in answers] == [(ValueError, "generator already executing")] * 3
    assert call._replies.ledger(0.0, has_lost_attempts=False).tokens.output_answer == 3
