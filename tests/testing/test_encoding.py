from dataclasses import replace
from decimal import Decimal
from enum import Enum

import pydantic
import pytest
from google.genai import errors, types
from testing.gemini_clients import MODEL, SDK_3, generate, only_line, stream, vertex, vertex_project

from hydrochat_otel.testing.consumption import Buckets
from hydrochat_otel.testing.ledger import CallCounts
from hydrochat_otel.testing.replies import Part, Reply, Usage, answer, blocked, function_call


def test_a_plain_answer_reaches_the_client_and_the_ledger(emulator, client):
    """The client reads and the ledger bills what a reply declares."""
    emulator.script(answer("Keep it dry.", usage=Usage(prompt=12, answer=4), model_version="gemini-2.5-flash-lite"))
    response = generate(client)
    line = only_line(emulator)
    assert (response.text, response.model_version) == ("Keep it dry.", "gemini-2.5-flash-lite")
    assert response.usage_metadata.model_dump(exclude_none=True) == {
        "prompt_token_count": 12,
        "candidates_token_count": 4,
        "total_token_count": 16,
        "prompt_tokens_details": [{"modality": types.MediaModality.TEXT, "token_count": 12}],
        "candidates_tokens_details": [{"modality": types.MediaModality.TEXT, "token_count": 4}],
    }
    assert line.tokens == Buckets(input_fresh=12, output_answer=4)
    assert (line.method, line.model_requested, line.model_answered) == (
        "generateContent",
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
    )
    assert (line.status, line.outcome, line.billed, line.reconciled) == (200, "ok", True, True)
    assert str(line.cost_usd) == "0.0000028"


async def test_the_async_client_is_served_alike(emulator, client):
    """Sync and async requests are the same on the wire and in the ledger."""
    emulator.script(answer("one"), answer("two"))
    response = await client.aio.models.generate_content(model=MODEL, contents="How is the wound?")
    assert (response.text, generate(client).text) == ("one", "two")
    first, second = emulator.ledger.lines
    assert replace(second, number=first.number, call=first.call) == first


class Intent(Enum):
    CREATE = "create"
    CANCEL = "cancel"


class Fields(pydantic.BaseModel):
    """The fields of a message."""

    name: str
    age: int
    urgent: bool
    intent: Intent
    notes: list[str]
    weight: float | None = None


async def test_structured_output_fits_the_schema(emulator, client):
    """A JSON answer parses into the requested model, given as a Gemini schema or as a JSON schema."""
    expected = {"name": "wound", "age": 1, "urgent": True, "intent": "create", "notes": ["wound"]}
    emulator.script(Reply(), Reply(), Reply())
    parsed = generate(client, response_mime_type="application/json", response_schema=Fields).parsed
    assert parsed.model_dump(mode="json", exclude={"weight"}) == expected
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=Fields.model_json_schema()
    )
    response = await client.aio.models.generate_content(model=MODEL, contents="x", config=config)
    assert Fields.model_validate_json(response.text).model_dump(mode="json", exclude={"weight"}) == expected
    assert generate(client, response_mime_type="application/json").text == "{}"


def test_every_bucket_of_a_usage_record(emulator, client):
    """Cached is inside the prompt, tool results beside it, thoughts beside the answer; modalities are broken down."""
    usage = Usage(
        prompt=1_000,
        cached=600,
        tool=70,
        answer=30,
        thinking=200,
        prompt_audio=100,
        prompt_image=258,
        cached_audio=40,
        service_tier="standard",
    )
    emulator.script(Reply(usage=usage, headers=(("x-gemini-service-tier", "standard"),)))
    response = generate(client)
    line = only_line(emulator)
    assert response.sdk_http_response.headers["x-gemini-service-tier"] == "standard"
    record = response.usage_metadata.model_dump(mode="json", exclude_none=True)
    assert record == {
        "prompt_token_count": 1_000,
        "cached_content_token_count": 600,
        "tool_use_prompt_token_count": 70,
        "candidates_token_count": 30,
        "thoughts_token_count": 200,
        "total_token_count": 1_300,
        "prompt_tokens_details": [
            {"modality": "TEXT", "token_count": 642},
            {"modality": "IMAGE", "token_count": 258},
            {"modality": "AUDIO", "token_count": 100},
        ],
        "cache_tokens_details": [
            {"modality": "TEXT", "token_count": 560},
            {"modality": "AUDIO", "token_count": 40},
        ],
        "candidates_tokens_details": [{"modality": "TEXT", "token_count": 30}],
        "tool_use_prompt_tokens_details": [{"modality": "TEXT", "token_count": 70}],
    }
    assert line.tokens == Buckets(
        input_fresh=400, input_cached=600, input_tool=70, output_answer=30, output_thinking=200
    )
    # 410 at 0.30, 60 audio at 1.00, 560 at 0.03, 40 audio at 0.10, 230 at 2.50, for a million.
    assert str(line.cost_usd) == "0.0007788"


def test_inclusive_thinking_is_billed_once(emulator, client):
    """Prompt 341, candidates 3362, thoughts 3347, total 3703 is 3362 output tokens, 3347 of them thinking."""
    usage = Usage(prompt=341, answer=15, thinking=3_347, thinking_inside=True)
    emulator.script(Reply(parts=(Part(text="Hm.", thought=True), Part(text="Yes.")), usage=usage))
    response = generate(client)
    counts = response.usage_metadata
    assert response.text == "Yes."
    assert (counts.prompt_token_count, counts.candidates_token_count) == (341, 3_362)
    assert (counts.thoughts_token_count, counts.total_token_count) == (3_347, 3_703)
    assert only_line(emulator).tokens == Buckets(input_fresh=341, output_answer=15, output_thinking=3_347)
    assert only_line(emulator).reconciled


def test_answers_without_valid_usage(emulator, client):
    """No usage, usage that does not balance, usage of any shape: the ledger marks those that do not reconcile."""
    emulator.script(
        Reply(usage=None),
        Reply(usage=Usage(prompt=10, answer=5, total=999)),
        Reply(usage=Usage(record={"promptTokenCount": 3})),
        Reply(candidates=0),
    )
    responses = [generate(client) for _ in range(4)]
    assert responses[0].usage_metadata is None
    assert responses[1].usage_metadata.total_token_count == 999
    assert responses[2].usage_metadata.model_dump(exclude_none=True) == {"prompt_token_count": 3}
    assert (responses[3].candidates, responses[3].text) == ([], None)
    lines = emulator.ledger.lines
    assert [(line.billed, line.reconciled, line.tokens.total) for line in lines] == [
        (False, False, 0),
        (True, False, 15),
        (True, False, 0),
        (True, True, 15),
    ]
    assert emulator.ledger.totals().unreconciled_calls == 3


def test_blocked_prompts_and_blocked_answers(emulator, client):
    """A refused prompt has a reason and no candidates, a refused answer a finish reason; both are `blocked`."""
    emulator.script(blocked("SAFETY"), Reply(finish_reason="SAFETY", parts=()), blocked())
    prompt, withheld = generate(client), generate(client)
    (streamed,) = stream(client)
    assert (prompt.candidates, prompt.prompt_feedback.block_reason) == (None, types.BlockedReason.SAFETY)
    assert withheld.candidates[0].finish_reason == types.FinishReason.SAFETY
    assert streamed.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert emulator.ledger.totals().calls == CallCounts(blocked=3)


# -- function calling and continuation -----------------------------------------------------------------------------


def find_scans(patient: str) -> list[str]:
    """Find the scans of a patient."""
    return [f"{patient}-1"]


HOPS = (
    function_call("find_scans", {"patient": "p7"}, usage=Usage(prompt=20, answer=6)),
    function_call("find_scans", {"patient": "p8"}, usage=Usage(prompt=40, answer=6)),
    answer("Two scans.", usage=Usage(prompt=60, answer=3)),
)


@pytest.mark.parametrize("how", ["sync", "async", "stream", "async stream", "chat"])
async def test_automatic_function_calling_is_one_request_a_hop(emulator, client, how):
    """Two function calls and an answer are three requests and three lines, whichever method drives them."""
    emulator.script(*HOPS)
    config = types.GenerateContentConfig(tools=[find_scans])
    asked = {"model": MODEL, "contents": "Which scans?", "config": config}
    if how == "sync":
        texts = [client.models.generate_content(**asked).text]
    elif how == "async":
        texts = [(await client.aio.models.generate_content(**asked)).text]
    elif how == "stream":
        texts = [chunk.text for chunk in client.models.generate_content_stream(**asked)]
    elif how == "async stream":
        texts = [chunk.text async for chunk in await client.aio.models.generate_content_stream(**asked)]
    else:
        texts = [client.chats.create(model=MODEL, config=config).send_message("Which scans?").text]
    assert texts[-1] == "Two scans."
    assert emulator.ledger.totals().calls == CallCounts(ok=3)
    assert emulator.ledger.totals().tokens == Buckets(input_fresh=120, output_answer=15)
    assert emulator.unused_replies == 0


@SDK_3
def test_automatic_continuation_sends_the_token_and_bills_each_hop(emulator, client):
    """An answer that ends in CONTINUATION is resumed by the client with its token: two requests, two lines."""
    hops = (
        answer("Keep ", finish_reason="CONTINUATION", continuation_token="dG9rZW4=", usage=Usage(prompt=9, answer=2)),
        answer("it dry.", usage=Usage(prompt=9, answer=3)),
    )
    emulator.script(*hops, *hops)
    response = generate(client)
    assert (response.text, response.usage_metadata.total_token_count) == ("Keep it dry.", 23)
    assert "".join(chunk.text for chunk in stream(client)) == "Keep it dry."
    assert [line.tokens.total for line in emulator.ledger.lines] == [11, 12, 11, 12]


@SDK_3
async def test_embeddings_of_the_gemini_api(emulator, client):
    """Every input gets a vector of the requested size; the prompt tokens are billed as input."""
    emulator.script(Reply(usage=Usage(prompt=9)), Reply(usage=None))
    config = types.EmbedContentConfig(output_dimensionality=3)
    response = client.models.embed_content(model="gemini-embedding-001", contents=["a", "b"], config=config)
    assert [len(embedding.values) for embedding in response.embeddings] == [3, 3]
    assert response.usage_metadata.prompt_token_count == 9
    response = await client.aio.models.embed_content(model="gemini-embedding-001", contents="a")
    assert (len(response.embeddings), response.usage_metadata) == (1, None)
    assert [(line.method, line.kind, line.tokens.total) for line in emulator.ledger.lines] == [
        ("batchEmbedContents", "embed", 9),
        ("batchEmbedContents", "embed", 0),
    ]


async def test_counting_tokens_is_free(emulator, client):
    """Counting says what the reply declares and is never billed."""
    emulator.script(Reply(usage=Usage(prompt=31)), Reply(usage=None))
    assert client.models.count_tokens(model=MODEL, contents="x").total_tokens == 31
    assert (await client.aio.models.count_tokens(model=MODEL, contents="12345678")).total_tokens == 3
    totals = emulator.ledger.totals()
    assert totals.calls_by_kind["count"] == CallCounts(ok=2)
    assert (totals.calls, totals.tokens) == (CallCounts(), Buckets())


@SDK_3
async def test_vertex_ai_by_project_and_by_key(emulator):
    """Vertex paths work in both forms: generate, stream, count, and embeddings by all three methods."""
    usage = Usage(prompt=6, answer=2, traffic_type="ON_DEMAND")
    emulator.script(
        answer("one", usage=usage), answer("two", usage=usage), Reply(usage=Usage(prompt=5)), answer("three")
    )
    emulator.script(*[Reply(usage=Usage(prompt=7))] * 3)
    with vertex_project(emulator) as client:
        response = generate(client)
        assert response.text == "one"
        assert response.usage_metadata.traffic_type == types.TrafficType.ON_DEMAND
        assert response.create_time is not None
        assert [
            chunk.text async for chunk in await client.aio.models.generate_content_stream(model=MODEL, contents="x")
        ] == ["two"]
        assert client.models.count_tokens(model=MODEL, contents="x").total_tokens == 5
    with vertex(emulator, api_key="emulated") as client:
        assert generate(client).text == "three"
    with vertex_project(emulator) as client:
        predicted = client.models.embed_content(model="text-embedding-005", contents=["a", "bc"])
        one = client.models.embed_content(model="gemini-embedding-001", contents="a")
        both = client.models.embed_content(
            model="gemini-embedding-001",
            contents=[types.Content(parts=[types.Part(text=text)]) for text in ("a", "b")],
        )
    assert [embedding.statistics.token_count for embedding in predicted.embeddings] == [4, 3]
    assert predicted.metadata.billable_character_count == 3
    assert (len(one.embeddings), len(both.embeddings)) == (1, 2)
    assert [(line.api, line.method, line.tokens.total) for line in emulator.ledger.lines] == [
        ("vertex", "generateContent", 8),
        ("vertex", "streamGenerateContent", 8),
        ("vertex", "countTokens", 0),
        ("vertex", "generateContent", 15),
        ("vertex", "predict", 7),
        ("vertex", "embedContent", 7),
        ("vertex", "batchEmbedContents", 7),
    ]
    assert emulator.requests[0].path == (
        "/v1beta1/projects/ward/locations/asia-southeast1/publishers/google/models/gemini-2.5-flash:generateContent"
    )
    assert emulator.requests[3].path == "/v1beta1/publishers/google/models/gemini-2.5-flash:generateContent"


@pytest.mark.filterwarnings("ignore:The generate_")  # deprecated, and still spoken by everybody
def test_the_other_methods_of_the_client_get_something_valid(emulator, client):
    """Images, caches, batches, models: answered, counted, charged by the unit; what is not spoken is a 404."""
    emulator.script(*[Reply(usage=Usage(prompt=4_096))] * 6)
    with vertex_project(emulator) as on_vertex:
        images = on_vertex.models.generate_images(
            model="imagen-4.0-generate-001", prompt="x", config=types.GenerateImagesConfig(number_of_images=2)
        )
        video = on_vertex.models.generate_videos(model="veo-3.0-generate-001", prompt="x")
    assert [image.image.mime_type for image in images.generated_images] == ["image/png", "image/png"]
    assert video.name
    cache = client.caches.create(model=MODEL, config=types.CreateCachedContentConfig(contents="x"))
    assert (cache.name, cache.usage_metadata.total_token_count) == ("cachedContents/emulated", 4_096)
    client.caches.delete(name=cache.name)
    assert client.batches.create(model=MODEL, src=[{"contents": [{"parts": [{"text": "x"}]}]}]).name
    assert client.models.get(model=MODEL).name == f"models/{MODEL}"
    with pytest.raises(errors.ClientError, match=r"404 NOT_FOUND.*does not support GET /v1[a-z]*/files"):
        list(client.files.list())
    totals = emulator.ledger.totals()
    assert totals.calls_by_kind["other"] == CallCounts(ok=5, error=1)
    assert totals.calls_by_kind["result"] == CallCounts(ok=1)
    assert (totals.tokens, totals.cost_usd) == (Buckets(), Decimal("0.08"))  # two images
