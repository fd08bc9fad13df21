from dataclasses import replace

import pytest
from google.genai import errors
from testing.gemini_clients import MODEL, SDK_3, generate, only_line, stream

from hydrochat_otel.testing.consumption import Buckets
from hydrochat_otel.testing.replies import ApiError, Chunk, Part, Reply, Usage, answer

WORDS = answer("Keep ", "it ", "dry.", usage=Usage(prompt=30, answer=9, thinking=3))


@pytest.mark.parametrize(
    ("usage_on", "totals"),
    [
        ("every", [34, 38, 42]),
        ("last", [None, None, 42]),
        ("null_last", [34, 38, None]),
        ("none", [None, None, None]),
    ],
)
async def test_usage_on_a_stream_is_cumulative(emulator, client, usage_on, totals):
    """Each event's usage is the running total; the last one that was sent is billed."""
    emulator.script(replace(WORDS, usage_on=usage_on), replace(WORDS, usage_on=usage_on))
    seen = [(chunk.text, chunk.usage_metadata and chunk.usage_metadata.total_token_count) for chunk in stream(client)]
    assert seen == list(zip(["Keep ", "it ", "dry."], totals, strict=True))
    chunks = await client.aio.models.generate_content_stream(model=MODEL, contents="x")
    assert "".join([chunk.text async for chunk in chunks]) == "Keep it dry."
    billed = next((total for total in reversed(totals) if total is not None), 0)
    assert [line.tokens.total for line in emulator.ledger.lines] == [billed, billed]


def test_a_stream_may_be_declared_event_by_event(emulator, client):
    """Chunks of a reply are sent unchanged: thoughts first, usage where stated, an explicit null where it is null."""
    emulator.script(
        Reply(
            chunks=(
                Chunk(parts=(Part(text="Hm.", thought=True),), usage_null=True),
                Chunk(parts=(Part(text="Yes."),), usage=Usage(prompt=5, answer=1, thinking=2)),
                Chunk(finish_reason="STOP"),
            )
        )
    )
    chunks = list(stream(client))
    assert [chunk.text for chunk in chunks] == [None, "Yes.", None]
    assert chunks[0].candidates[0].content.parts[0].thought is True
    assert [chunk.usage_metadata is None for chunk in chunks] == [True, False, True]
    assert only_line(emulator).tokens == Buckets(input_fresh=5, output_answer=1, output_thinking=2)


async def test_a_connection_that_breaks_in_a_stream_is_billed_by_the_last_usage(emulator, client):
    """The client gets what was sent and then its transport's error; the ledger has what was sent by then."""
    emulator.script(replace(WORDS, cut_after=2), replace(WORDS, cut_after=2))
    seen = []

    async def read():
        chunks = await client.aio.models.generate_content_stream(model=MODEL, contents="x")
        while True:
            seen.append((await anext(chunks)).text)

    with pytest.raises(Exception, match=r"incomplete chunked read|closed connection") as sync_error:
        seen.extend(chunk.text for chunk in stream(client))
    with pytest.raises(type(sync_error.value)):
        await read()
    assert seen == ["Keep ", "it "] * 2
    assert [(line.outcome, line.tokens) for line in emulator.ledger.lines] == [
        ("error", Buckets(input_fresh=30, output_answer=6, output_thinking=2))
    ] * 2


def test_a_connection_that_breaks_before_the_answer_bills_nothing(emulator, client):
    """There is no status, no bill, and the client's transport error."""
    emulator.script(Reply(cut_after=0), Reply(cut_after=0))
    with pytest.raises(Exception, match=r"disconnected"):
        generate(client)
    with pytest.raises(Exception, match=r"incomplete chunked read|disconnected|closed connection"):
        list(stream(client))
    assert [(line.status, line.outcome, line.billed) for line in emulator.ledger.lines] == [
        (0, "error", False),
        (200, "error", False),
    ]


@SDK_3
async def test_an_error_object_inside_a_stream(emulator, client):
    """The client raises the error that it finds between the events; what was used before it is billed."""
    broken = replace(WORDS, stream_error=ApiError(code=503, message="overloaded"), error_after=1)
    emulator.script(broken, broken, replace(broken, error_after=0))
    with pytest.raises(errors.ServerError, match=r"503 UNAVAILABLE"):
        list(stream(client))
    with pytest.raises(errors.ServerError, match=r"503 UNAVAILABLE"):
        async for _ in await client.aio.models.generate_content_stream(model=MODEL, contents="x"):
            pass
    with pytest.raises(errors.ServerError, match=r"503 UNAVAILABLE"):
        list(stream(client))
    assert [(line.status, line.outcome, line.tokens.total) for line in emulator.ledger.lines] == [
        (200, "error", 34),
        (200, "error", 34),
        (200, "error", 0),
    ]


def test_a_caller_that_disconnects_pays_for_what_was_sent(emulator, client):
    """A stream that is held until the caller leaves is billed up to the hold, however fast the caller is."""
    emulator.script(replace(WORDS, hold_after=1), replace(WORDS, hold_after=2))
    for expected in (["Keep "], ["Keep ", "it "]):
        chunks = stream(client)
        assert [next(chunks).text for _ in expected] == expected
        chunks.close()
        assert emulator.wait_until_idle()
    assert [(line.outcome, line.tokens.total) for line in emulator.ledger.lines] == [
        ("cancelled", 34),
        ("cancelled", 38),
    ]
