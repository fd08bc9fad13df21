"""Promises of :mod:`hydrochat_otel.hydrochat.client`, on the real SDK over a local server."""

import asyncio
import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hydrochat.client.gemini_metrics import CREATE, NOTHING_COUNTED, SECRET, counted

from hydrochat_otel import semconv
from hydrochat_otel.gemini_client_v2 import (
    GeminiClientV2,
    classify_intent_fallback_v2,
    extract_fields_fallback_v2,
    get_gemini_metrics_v2,
)
from hydrochat_otel.hydrochat.enums import Intent
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures
from hydrochat_otel.testing.replies import Usage, answer, blocked, failure, rate_limited
from hydrochat_otel.views import json_export

# -- answers ------------------------------------------------------------------------------------------------------


async def test_an_intent_is_classified(gemini, emulator):
    """A structured answer gives one of the intents, and its tokens and dollars are counted."""
    emulator.script(answer(CREATE, usage=Usage(prompt=200, answer=10)))
    assert await gemini().classify_intent_fallback("create patient John Doe") is Intent.CREATE_PATIENT
    assert get_gemini_metrics_v2() == {
        **NOTHING_COUNTED,
        "successful_calls": 1,
        "total_tokens_used": 210,
        "prompt_tokens_used": 200,
        "completion_tokens_used": 10,
        "total_cost_usd": 0.000023,
        "last_call_timestamp": get_gemini_metrics_v2()["last_call_timestamp"],
    }
    sent = json.loads(emulator.requests[0].body)
    assert sent["generationConfig"]["responseMimeType"] == "application/json"
    assert "/models/gemini-2.0-flash-exp:generateContent" in emulator.requests[0].path


async def test_fields_are_extracted(gemini, emulator):
    """Stated fields have their normal form; null and invalid values are left out."""
    emulator.script(answer('{"first_name": "John", "last_name": null, "nric": "s1234567a", "contact_no": "12"}'))
    wanted = ["first_name", "last_name", "nric", "contact_no", "shoe_size"]
    fields = await gemini().extract_fields_fallback("patient John Smith S1234567A", wanted)
    assert fields == {"first_name": "John", "nric": "S1234567A"}
    schema = json.loads(emulator.requests[0].body)["generationConfig"]["responseSchema"]
    assert sorted(schema["properties"]) == ["contact_no", "first_name", "last_name", "nric"]


async def test_input_is_cleaned_and_capped(gemini, emulator):
    """A user's text is sent without control characters and no longer than the limit; context and summary as well."""
    emulator.script(answer(CREATE))
    await gemini(max_input_characters=10).classify_intent_fallback("a\x00b" + "c" * 20, "d" * 20, " e\n\n f ")
    sent = json.loads(emulator.requests[0].body)["contents"][0]["parts"][0]["text"]
    assert json.loads(sent) == {"message": "ab" + "c" * 8, "context": "d" * 10, "conversation_summary": "e f"}


@pytest.mark.parametrize("message", ["", " \n\u200b", None, 7])
async def test_an_empty_message_makes_no_call(gemini, emulator, message):
    """An empty message, something that is not a text, and no known field are answered without a call."""
    client = gemini()
    assert await client.classify_intent_fallback(message) is Intent.UNKNOWN
    assert await client.extract_fields_fallback(message, ["nric"]) == {}
    assert await client.extract_fields_fallback("patient Tan", ["shoe_size"]) == {}
    assert emulator.requests == ()


async def test_tokens_are_counted_by_the_service(gemini, emulator):
    """count_tokens calls the service, is not a billed call, and is 0 for nothing and on failure."""
    client = gemini(max_retries=0)
    emulator.script(answer(usage=Usage(prompt=12)), failure(400))
    assert [await client.count_tokens(text) for text in ("how is the wound?", "", "again")] == [12, 0, 0]
    assert [request.path.rsplit(":", 1)[1] for request in emulator.requests] == ["countTokens", "countTokens"]
    assert get_gemini_metrics_v2() == NOTHING_COUNTED


async def test_a_custom_prompt(gemini, emulator):
    """generate_content_with_tokens returns the SDK's response and all tokens of the call, thoughts included."""
    emulator.script(answer("Keep it dry.", usage=Usage(prompt=10, answer=5, thinking=7)))
    response, tokens = await gemini().generate_content_with_tokens("How is the wound?", system_instruction="Be brief.")
    assert (response.text, tokens) == ("Keep it dry.", 22)


# -- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Sure! It is CREATE_PATIENT.", '{"intent": "FLY"}', '{"intent": "CREATE_PA', ""])
async def test_an_unusable_answer_is_a_failed_call_and_its_tokens_count(gemini, emulator, exported, text):
    """An unusable answer of Gemini fails the call everywhere, with its tokens and dollars."""
    emulator.script(answer(text, usage=Usage(prompt=100, answer=20)))
    assert await gemini().classify_intent_fallback(SECRET) is Intent.UNKNOWN
    assert counted("successful_calls", "failed_calls", "total_tokens_used", "total_cost_usd") == [0, 1, 120, 0.000016]
    (span,) = (span for span in exported.get_finished_spans() if span.name.startswith("generate_content"))
    assert span.attributes[semconv.ERROR_TYPE] == "UnusableAnswer"
    assert json_export.document(pipeline.current().snapshot())["llm_api_metrics"]["failed_calls"] == 1


async def test_the_applications_own_check_decides(gemini, emulator):
    """A response that the caller does not accept is a failed call, and is still returned."""
    emulator.script(answer("maybe"), answer("yes"))
    client = gemini()
    for text in ("maybe", "yes"):
        response, _ = await client.generate_content_with_tokens("?", accepts=lambda reply: reply.text == "yes")
        assert response.text == text
    assert counted("successful_calls", "failed_calls") == [1, 1]


async def test_a_check_that_raises_fails_nothing(gemini, emulator):
    """A check that itself fails does not change the call and is counted as our failure."""
    emulator.script(answer("yes"))
    await gemini().generate_content_with_tokens("?", accepts=lambda reply: 1 / 0)
    assert counted("successful_calls", "failed_calls") == [1, 0]
    assert failures.counts() == {"acceptance": 1}


async def test_a_blocked_answer_is_blocked(gemini, emulator):
    """A prompt that Gemini refuses is neither successful nor failed, and the turn continues."""
    emulator.script(blocked())
    assert await gemini().classify_intent_fallback(SECRET) is Intent.UNKNOWN
    llm = json_export.document(pipeline.current().snapshot())["llm_api_metrics"]
    assert (llm["successful_calls"], llm["failed_calls"], llm["blocked_calls"]) == (0, 0, 1)


@pytest.mark.parametrize(
    "reply",
    [failure(400, SECRET), failure(403), failure(500), failure(503), answer("", body=b"<html>"), answer(cut_after=0)],
    ids=["400", "403", "500", "503", "no JSON", "cut"],
)
async def test_no_failure_reaches_the_turn(gemini, emulator, no_waits, caplog, reply):
    """Whatever Gemini does, the turn gets UNKNOWN and no fields; one call failed, with one line that quotes nothing."""
    client = gemini(max_retries=1)
    emulator.script(*[reply] * 4)
    assert await client.classify_intent_fallback(SECRET) is Intent.UNKNOWN
    assert counted("successful_calls", "failed_calls") == [0, 1]
    assert await client.extract_fields_fallback(SECRET, ["nric"]) == {}
    assert counted("successful_calls", "failed_calls") == [0, 2]
    lines = [record.message for record in caplog.records if record.name == "hydrochat_otel.gemini_client_v2"]
    assert len(lines) == 2
    assert all(line.startswith("Gemini's generate_content failed (") for line in lines)
    assert "Tan" not in caplog.text


async def test_nothing_that_was_typed_is_logged(gemini, emulator, no_waits, caplog):
    """At no level does any logger, ours or the SDK's, contain a name or a number of the message."""
    caplog.set_level(logging.DEBUG)
    emulator.script(rate_limited(), failure(503, SECRET), answer(SECRET), failure(400, SECRET))
    client = gemini()
    await client.classify_intent_fallback(SECRET)
    await client.extract_fields_fallback(SECRET, ["nric"])
    assert caplog.records
    assert "Tan" not in caplog.text
    assert "S8512340X" not in caplog.text


def _wait_for_request(emulator):
    while not emulator.requests:
        time.sleep(0.005)


@pytest.mark.parametrize("call", ["classify", "extract", "count", "generate"])
async def test_a_cancelled_caller_is_released(gemini, emulator, call):
    """Cancelling the caller cancels the request, which is not a failure."""
    client = gemini()
    emulator.script(answer(CREATE, delay_s=20))
    calls = {
        "classify": lambda: client.classify_intent_fallback(SECRET),
        "extract": lambda: client.extract_fields_fallback(SECRET, ["nric"]),
        "count": lambda: client.count_tokens(SECRET),
        "generate": lambda: client.generate_content_with_tokens(SECRET),
    }
    task = asyncio.create_task(calls[call]())
    await asyncio.to_thread(_wait_for_request, emulator)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(emulator.wait_until_idle)
    assert get_gemini_metrics_v2()["failed_calls"] == 0


# -- without a key, with bad settings -----------------------------------------------------------------------------


async def test_without_a_key_it_warns_once(installed, caplog):
    """Without an API key every answer is the empty one, and one line says so for all."""
    client = GeminiClientV2()
    assert await classify_intent_fallback_v2("create patient John Doe") is Intent.UNKNOWN
    assert await extract_fields_fallback_v2("patient John", ["first_name"]) == {}
    assert await client.count_tokens("text") == 0
    assert await client.generate_content_with_tokens("text") == (None, 0)
    assert caplog.messages == ["GEMINI_API_KEY is not set: intents stay UNKNOWN and no fields are read."]
    assert get_gemini_metrics_v2() == NOTHING_COUNTED


async def test_bad_settings_do_not_raise_into_a_turn(monkeypatch, caplog):
    """An invalid setting gives one sentence, and the turn continues without Gemini."""
    monkeypatch.setenv("LLM_MAX_RETRIES", "many")
    monkeypatch.setenv("GEMINI_API_KEY", "secret-key")
    assert await classify_intent_fallback_v2("create patient") is Intent.UNKNOWN
    assert "LLM_MAX_RETRIES='many' is not allowed" in caplog.messages[0]
    assert "secret-key" not in caplog.text


async def test_the_settings_are_the_defaults(install):
    """Key, model, timeout and retries come from the pipeline's settings; arguments win."""
    install(gemini_api_key="key", gemini_model="gemini-2.5-flash", llm_request_timeout_s=7.0, llm_max_retries=1)
    client = GeminiClientV2()
    assert (client.model, client._api_key) == ("gemini-2.5-flash", "key")
    pace = client._pace
    assert (pace.max_retries, pace.request_timeout_s, pace.time_budget_s) == (1, 7.0, 14.0)
    other = GeminiClientV2("mine", "gemini-2.5-pro", request_timeout_s=2, max_retries=0, time_budget_s=3)
    assert (other.model, other._api_key, other._pace.time_budget_s) == ("gemini-2.5-pro", "mine", 3)


@pytest.mark.parametrize(
    "bad", [{"request_timeout_s": 0}, {"max_retries": -1}, {"time_budget_s": -1}, {"max_input_characters": 0}], ids=str
)
def test_set_up_mistakes_raise(installed, bad):
    """A number out of bounds is refused when the client is made, with its name and what is allowed."""
    (name,) = bad
    with pytest.raises(ValueError, match=rf"{name}={bad[name]} is not allowed: it must be at least"):
        GeminiClientV2("key", **bad)


# -- event loops --------------------------------------------------------------------------------------------------


def test_any_event_loop_works(gemini, emulator):
    """One client serves loop after loop and loops in several threads at once, and keeps its connections."""
    client = gemini()
    emulator.script(*[answer(CREATE)] * 24)

    async def four():
        return await asyncio.gather(*(client.classify_intent_fallback(SECRET) for _ in range(4)))

    intents = asyncio.run(four()) + asyncio.run(four())
    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            intents += threads.submit(lambda: asyncio.run(four())).result()
    assert intents == [Intent.CREATE_PATIENT] * 24
    assert counted("successful_calls", "failed_calls") == [24, 0]
    assert len({thread.name for thread in threading.enumerate() if thread.name == "hydrochat-otel-gemini"}) == 1


async def test_the_call_is_a_child_of_the_turn(gemini, emulator, exported):
    """A call made in another loop's thread still has the caller's span as its parent."""
    emulator.script(answer(CREATE))
    with track_response_time("chat.turn"):
        await gemini().classify_intent_fallback(SECRET)
    spans = {span.name: span for span in exported.get_finished_spans()}
    call, turn = spans["generate_content gemini-2.0-flash-exp"], spans["chat.turn"]
    assert call.parent.span_id == turn.context.span_id


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_worker_has_connections_of_its_own(gemini, emulator):
    """A client that was used before a fork works in the child as well, and continues in the parent."""
    client = gemini()
    emulator.script(*[answer(CREATE)] * 3)
    assert asyncio.run(client.classify_intent_fallback(SECRET)) is Intent.CREATE_PATIENT
    child = os.fork()
    if child == 0:
        intent = asyncio.run(client.classify_intent_fallback(SECRET))
        os._exit(0 if intent is Intent.CREATE_PATIENT else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert asyncio.run(client.classify_intent_fallback(SECRET)) is Intent.CREATE_PATIENT
