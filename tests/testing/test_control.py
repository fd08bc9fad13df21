"""The emulator over HTTP, as programs in other languages use it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from decimal import Decimal

import pytest

from hydrochat_otel.testing import GeminiEmulator, Part, Reply, Usage, blocked, control, failure, rate_limited

ASK = json.dumps({"contents": [{"parts": [{"text": "hello"}]}]}).encode()
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"


def send(url, body=None):
    """Return status and JSON body of a request; POST if there is a body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(
    ("stated", "reply"),
    [
        ({}, Reply()),
        ({"text": "a", "usage": {"prompt": 3}}, Reply(parts=(Part(text="a"),), usage=Usage(prompt=3))),
        ({"texts": ["a", "b"], "cut_after": 1}, Reply(parts=(Part(text="a"), Part(text="b")), cut_after=1)),
        ({"function_call": {"name": "f", "args": {"x": 1}}}, Reply(parts=(Part(call="f", args={"x": 1}),))),
        ({"blocked": "SAFETY"}, blocked("SAFETY")),
        ({"error": 503, "delay_s": 0.5}, failure(503, delay_s=0.5)),
        ({"rate_limited": 2}, rate_limited(2)),
    ],
)
def test_a_json_object_states_a_reply(stated, reply):
    """Each kind of reply can be stated in JSON."""
    assert control.reply_of(stated) == reply


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ([1], "A reply is a JSON object, not int"),
        ([{"text": "a", "error": 500}], "not text and error"),
        ([{"txet": "a"}], "txet is not a key of a reply"),
        ([{"usage": {"promt": 1}}], "promt is not a key of usage"),
        ([{"function_call": 5}], "function_call has a value of the wrong form"),
        ([{"error": 200}], "an error's code is 400 to 599"),
    ],
)
def test_an_invalid_reply_is_one_sentence(stated, sentence):
    """An invalid reply is answered with 400 and one sentence, and nothing is scripted."""
    with GeminiEmulator(controllable=True) as emulator:
        status, document = send(emulator.base_url + "/_emulator/script", json.dumps(stated).encode())
        assert (status, emulator.unused_replies) == (400, 0)
    assert sentence in document["error"]


def test_only_a_controllable_emulator_is_controlled():
    """By default the paths of the control are unknown ones."""
    with GeminiEmulator() as emulator:
        assert send(emulator.base_url + "/_emulator/ledger")[0] == 404


def test_another_language_scripts_and_reads():
    """The command prints its address; replies are scripted, answered and billed, and the ledger is read and emptied."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hydrochat_otel", "emulator"], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        url = process.stdout.readline().strip()
        scripted = [{"text": "Keep it dry.", "usage": {"prompt": 1000, "answer": 200}}, {"error": 400}]
        assert send(url + "/_emulator/script", json.dumps(scripted).encode()) == (200, {"scripted": 2})
        status, answered = send(url + GENERATE, ASK)
        assert (status, answered["candidates"][0]["content"]["parts"]) == (200, [{"text": "Keep it dry."}])
        assert send(url + GENERATE, ASK)[0] == 400
        ledger = send(url + "/_emulator/ledger")[1]
        assert ledger["totals"]["tokens"]["total"] == 1200
        assert Decimal(ledger["totals"]["cost_usd"]) == Decimal("0.0008")
        assert [line["outcome"] for line in ledger["lines"]] == ["ok", "error"]
        assert send(url + "/_emulator/reset", b"") == (200, {})
        assert send(url + "/_emulator/ledger")[1]["lines"] == []
        assert send(url + "/_emulator/nothing")[0] == 404
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
