import asyncio
import importlib.util
import json
import socket
import threading
import time

import pytest
from google import genai
from google.genai import errors, types
from testing.gemini_clients import (
    MODEL,
    generate,
    options,
    stream,
    wait_for_requests,
)

from hydrochat_otel.testing.emulator import GeminiEmulator, RecordedRequest
from hydrochat_otel.testing.ledger import CallCounts
from hydrochat_otel.testing.replies import Reply, Usage, answer, failure, rate_limited

# The installed SDK's HTTP library: httpx2 since version 3, httpx before.
httpx = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")


def test_refused_attempts_are_retried_and_only_the_answer_is_billed(emulator, retrying):
    """429 with RetryInfo, 503, 500, then an answer: four requests, four lines, one bill."""
    emulator.script(rate_limited(0.25), failure(503), failure(500), answer("Yes.", usage=Usage(prompt=2, answer=1)))
    config = types.GenerateContentConfig(http_options=types.HttpOptions(headers={"x-demo-step": "t1"}))
    response = retrying.models.generate_content(model=MODEL, contents="x", config=config)
    totals = emulator.ledger.totals()
    assert response.text == "Yes."
    assert [line.status for line in emulator.ledger.lines] == [429, 503, 500, 200]
    assert [line.billed for line in emulator.ledger.lines] == [False, False, False, True]
    assert (totals.requests, totals.retries, totals.calls, totals.tokens.total) == (4, 3, CallCounts(ok=1), 3)


def test_a_rate_limit_says_when_to_retry(emulator, client):
    """The 429's details carry google.rpc.RetryInfo with the delay as a duration."""
    emulator.script(rate_limited(0.25))
    with pytest.raises(errors.ClientError) as caught:
        generate(client)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert caught.value.details["error"]["details"][-1] == {
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": "0.25s",
    }


async def test_a_failure_that_stays_is_one_failed_call_of_many_attempts(emulator, retrying):
    """Four refused attempts are four requests; a 400 is not repeated, streamed or not."""
    emulator.script(*[failure(500)] * 4, failure(400, "bad field"), failure(400))
    with pytest.raises(errors.ServerError, match=r"500 INTERNAL"):
        await retrying.aio.models.generate_content(model=MODEL, contents="x")
    with pytest.raises(errors.ClientError, match=r"400 INVALID_ARGUMENT.*bad field"):
        generate(retrying)
    with pytest.raises(errors.ClientError, match=r"400 INVALID_ARGUMENT"):
        list(stream(retrying))
    assert emulator.ledger.totals().requests_by_status == {500: 4, 400: 2}


def test_a_body_that_is_not_json(emulator, client):
    """A malformed body with status 200 reaches the client as such and is not billed."""
    emulator.script(Reply(body=b'{"candidates": ['), Reply(body=b"data: {\r\n\r\n"))
    with pytest.raises(json.JSONDecodeError):
        generate(client)
    with pytest.raises(errors.UnknownApiResponseError):
        list(stream(client))
    assert [(line.status, line.outcome, line.billed) for line in emulator.ledger.lines] == [(200, "error", False)] * 2


async def test_a_caller_that_leaves_before_the_answer_pays_nothing(emulator, client):
    """A cancelled task and a timeout leave a line with their outcome and no bill."""
    emulator.script(Reply(delay_s=30), Reply(delay_s=30))
    task = asyncio.create_task(client.aio.models.generate_content(model=MODEL, contents="x"))
    await asyncio.to_thread(wait_for_requests, emulator, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(Exception, match=r"timed out"):
        generate(client, http_options=types.HttpOptions(timeout=50))
    assert await asyncio.to_thread(emulator.wait_until_idle)
    assert [(line.status, line.outcome, line.billed) for line in emulator.ledger.lines] == [
        (499, "cancelled", False)
    ] * 2


def test_delays_happen_before_the_first_byte_and_between_events(emulator, client):
    """A slow reply is slow at the stated places."""
    emulator.script(answer("Keep ", "it ", "dry.", delay_s=0.06, chunk_delay_s=0.03))
    started = time.monotonic()
    arrivals = [time.monotonic() - started for _ in stream(client)]
    assert arrivals[0] >= 0.06
    assert arrivals[-1] >= 0.12


def test_scripts_are_consumed_in_order_and_by_model(emulator, client):
    """Replies for a model are for that model; the common ones serve any request."""
    emulator.script(answer("common 1"), answer("common 2"))
    emulator.script(answer("for lite"), model="gemini-2.5-flash-lite")
    texts = [generate(client, model=model).text for model in (MODEL, "gemini-2.5-flash-lite", "gemini-2.5-flash-lite")]
    assert texts == ["common 1", "for lite", "common 2"]


def test_a_brain_answers_what_is_not_scripted():
    """The brain gets the parsed request; a script comes before it, and its own failure is a clear error."""
    seen = []

    def brain(request):
        seen.append((request.method, request.model, request.step, request.characters, request.streams))
        if request.characters > 5:
            raise LookupError("never shown")
        return answer("from the brain")

    with (
        GeminiEmulator(brain) as emulator,
        genai.Client(
            vertexai=False, api_key="k", http_options=options(emulator, headers={"x-demo-step": "7"})
        ) as client,
    ):
        emulator.script(answer("from the script"))
        assert [generate(client, "abc").text for _ in range(2)] == ["from the script", "from the brain"]
        with pytest.raises(errors.ServerError, match=r"501 UNIMPLEMENTED.*brain raised LookupError"):
            list(stream(client, "abcdef"))
    assert seen == [("generateContent", MODEL, "7", 3, False), ("streamGenerateContent", MODEL, "7", 6, True)]


def test_misused_scripts_say_what_is_wrong(emulator, client):
    """An empty script, something other than a reply, a full model path, an impossible reply, a reply too few."""
    with pytest.raises(ValueError, match=r"script\(\) got no reply"):
        emulator.script()
    with pytest.raises(TypeError, match=r"takes Reply objects, got dict"):
        emulator.script({"status": 200})
    with pytest.raises(ValueError, match=r"pass the bare id, 'gemini-2.5-flash'"):
        emulator.script(Reply(), model="models/gemini-2.5-flash")
    with pytest.raises(ValueError, match=r"Reply.delay_s is -1"):
        Reply(delay_s=-1)
    with pytest.raises(
        ValueError, match=r"Reply.usage_on is 'sometimes'; it must be one of every, last, null_last, none"
    ):
        Reply(usage_on="sometimes")
    with pytest.raises(ValueError, match=r"the code 200; an error's code is 400 to 599"):
        failure(200)
    with pytest.raises(ValueError, match=r"only one body"):
        failure(500, body=b"")
    with pytest.raises(ValueError, match=r"Usage.cached is 11; it is a part of prompt, which is 10"):
        Usage(prompt=10, cached=11)
    with pytest.raises(ValueError, match=r"Usage.answer is -1"):
        Usage(answer=-1)
    emulator.script(Reply(hold_after=1))
    with pytest.raises(errors.ServerError, match=r"501 UNIMPLEMENTED.*declares what only a stream can do"):
        generate(client)
    emulator.script(answer("one", "two", cut_after=3))
    with pytest.raises(errors.ServerError, match=r"501 UNIMPLEMENTED.*declares to stop after 3 of 2 events"):
        list(stream(client))
    with pytest.raises(errors.ServerError, match=r"501 UNIMPLEMENTED.*nothing is scripted for POST /v1[a-z]*/models"):
        generate(client)


def test_bodies_are_kept_only_on_request(emulator, client):
    """Prompts stay out of the emulator's memory unless a test records them."""
    emulator.script(Reply())
    generate(client, "S1234567D")
    (request,) = emulator.requests
    assert request == RecordedRequest("POST", request.path, "", None)
    assert request.path.endswith(f"/models/{MODEL}:generateContent")
    with (
        GeminiEmulator(record_bodies=True) as recording,
        genai.Client(vertexai=False, api_key="k", http_options=options(recording)) as other,
    ):
        recording.script(Reply())
        generate(other, "S1234567D")
        (recorded,) = recording.requests
    assert json.loads(recorded.body)["contents"] == [{"parts": [{"text": "S1234567D"}], "role": "user"}]


def test_many_requests_at_once_are_all_billed(emulator, client):
    """Concurrent callers each get an answer and a line."""

    async def burst():
        await asyncio.gather(*[client.aio.models.generate_content(model=MODEL, contents="x") for _ in range(60)])

    emulator.script(*[Reply(delay_s=0.01, usage=Usage(prompt=3, answer=2))] * 60)
    asyncio.run(burst())
    totals = emulator.ledger.totals()
    assert (totals.calls, totals.tokens.total) == (CallCounts(ok=60), 300)


def test_it_stops_within_a_second_whatever_it_is_doing():
    """A slow answer and a held stream are dropped, the port is free and no thread is left."""
    emulator = GeminiEmulator()
    emulator.start()
    host, port = emulator.base_url.removeprefix("http://").split(":")
    emulator.script(Reply(delay_s=60), Reply(hold_after=1))
    with (
        socket.create_connection((host, int(port))) as slow,
        socket.create_connection((host, int(port))) as held,
    ):
        head = "POST /v1beta/models/m:{} HTTP/1.1\r\nHost: emulator\r\nContent-Length: 0\r\n\r\n"
        slow.sendall(head.format("generateContent").encode())
        wait_for_requests(emulator, 1)
        held.sendall(head.format("streamGenerateContent").encode())
        assert held.recv(15) == b"HTTP/1.1 200 OK"
        started = time.monotonic()
        emulator.stop()
        assert time.monotonic() - started < 1
    with pytest.raises(OSError, match=r"refused"):
        socket.create_connection((host, int(port)), timeout=1)
    emulator.stop()
    with pytest.raises(RuntimeError, match=r"not running"):
        _ = emulator.base_url
    with pytest.raises(RuntimeError, match=r"started before"):
        emulator.start()


def test_a_taken_port_is_reported_at_once(emulator):
    """The error is raised in the caller, and nothing stays behind."""
    port = int(emulator.base_url.rsplit(":", 1)[1])
    threads = threading.active_count()
    with pytest.raises(OSError, match=r"in use"):
        GeminiEmulator(port=port).start()
    assert threading.active_count() == threads


def test_requests_that_are_not_the_api_do_no_harm(emulator):
    """A body that is not JSON, a path of another API: an error, and the next request is answered."""
    emulator.script(answer("still here"))
    with httpx.Client(base_url=emulator.base_url, trust_env=False) as http:
        assert http.get("/favicon.ico").status_code == 404
        path = "/v1beta/models/m:generateContent"
        assert http.post(path, content=b"\xff{").json()["candidates"][0]["content"]["parts"] == [{"text": "still here"}]
