"""The whole system: fifty turns through the real Django endpoint, the real graph and the real SDK."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import TOKEN
from hydrochat_app.brain import WardBrain
from hydrochat_app.nurse import conversation
from hydrochat_app.running import HydroChat
from hydrochat_app.serving import DEVELOPER, NURSE
from prometheus_client.parser import text_string_to_metric_families

from hydrochat_otel.demo.patients import PATIENTS
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.testing.ledger import RETRIED_STATUSES

EXPORT = "/api/hydrochat/metrics/export/"
TURNS = 50


class Afterwards:
    """The output of every view when the conversation is over, and the ledger."""

    def __init__(self, chat, emulator, intents, conversation_id):
        self.intents = intents
        self.export = json.loads(chat.ask(EXPORT, DEVELOPER)[1])
        self.metrics = chat.ask("/metrics", token=TOKEN)[1]
        self.stats = chat.stats(conversation_id)
        self.overview = chat.ask("/api/hydrochat/metrics/overview/", token=TOKEN)[1]
        self.lines = emulator.ledger.lines
        self.billed = emulator.ledger.totals()
        self.access = {
            account: chat.ask(EXPORT, **credentials)[0]
            for account, credentials in {
                "anonymous": {},
                "nurse": {"account": NURSE},
                "developer": {"account": DEVELOPER},
                "token": {"token": TOKEN},
                "wrong token": {"token": TOKEN[:-1] + "x"},
            }.items()
        }
        self.log = chat.log

    def samples(self, name):
        """Return the samples of a metric as (labels, value)."""
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self.metrics)
            for sample in family.samples
            if sample.name == name
        ]

    def total(self, name, **labels):
        """The sum of a metric over the series with these labels."""
        return sum(value for has, value in self.samples(name) if labels.items() <= has.items())


@pytest.fixture(scope="module")
def afterwards(tmp_path_factory):
    """The conversation, run once."""
    with GeminiEmulator(WardBrain()) as emulator:
        environment = {"HYDROCHAT_METRICS_TOKEN": TOKEN, "LLM_MAX_RETRIES": "3"}
        with HydroChat(emulator.base_url, tmp_path_factory.mktemp("hydrochat"), **environment) as chat:
            conversation_id, intents = None, []
            for message, _ in conversation(TURNS):
                found = chat.say(message, conversation_id)
                conversation_id = found["conversation_id"]
                intents.append(found["intent"])
            yield Afterwards(chat, emulator, intents, conversation_id)


def test_every_turn_is_understood(afterwards):
    """Each of the fifty turns ends with its expected intent, also after a failure of the model."""
    assert afterwards.intents == [intent for _, intent in conversation(TURNS)]


def test_the_export_equals_the_bill(afterwards):
    """Calls by outcome, tokens and dollars of the export are those of the emulator's ledger, exactly."""
    ended = [line for line in afterwards.lines if line.status not in RETRIED_STATUSES]
    babbling = 1
    billed = afterwards.billed
    llm = afterwards.export["llm_api_metrics"]
    counted = {
        "total_calls": len(ended),
        "successful_calls": sum(line.outcome == "ok" for line in ended) - babbling,
        "failed_calls": sum(line.outcome == "error" for line in ended) + babbling,
        "cancelled_calls": 0,
        "blocked_calls": 1,
        "total_tokens_used": billed.tokens.total,
        "prompt_tokens": billed.tokens.input,
        "completion_tokens": billed.tokens.output,
    }
    assert {key: llm[key] for key in counted} == counted
    assert llm["total_cost_usd"] == pytest.approx(float(billed.cost_usd), abs=1e-12)
    assert (llm["failed_calls"], llm["total_cost_usd"] > 0) == (2, True)


def test_metrics_and_the_export_are_the_same_numbers(afterwards):
    """/metrics has the calls, tokens, dollars, retries and operations of the export and of the ledger."""
    llm, total = afterwards.export["llm_api_metrics"], afterwards.total
    calls = "hydrochat_llm_calls_total"
    assert {outcome: total(calls, hydrochat_outcome=outcome) for outcome in ("ok", "error", "blocked")} == {
        "ok": llm["successful_calls"],
        "error": llm["failed_calls"],
        "blocked": llm["blocked_calls"],
    }
    assert total(calls) == llm["total_calls"]
    tokens = afterwards.billed.tokens
    buckets = {has["hydrochat_token_bucket"] for has, _ in afterwards.samples("hydrochat_llm_tokens_total")}
    by_bucket = {bucket: total("hydrochat_llm_tokens_total", hydrochat_token_bucket=bucket) for bucket in buckets}
    assert by_bucket == {
        "input_fresh": tokens.input_fresh,
        "input_cached": tokens.input_cached,
        "output_answer": tokens.output_answer,
        "output_thinking": tokens.output_thinking,
    }
    assert total("hydrochat_llm_cost_total") == pytest.approx(llm["total_cost_usd"], abs=1e-12)
    retried = sum(line.status in RETRIED_STATUSES for line in afterwards.lines)
    assert (total("hydrochat_llm_retries_total"), retried) == (3, 3)
    assert total("hydrochat_llm_attempts_total") == len(afterwards.lines)


def test_agent_stats_are_the_same_numbers(afterwards):
    """The assistant's own statistics carry the export's sections, and count the conversation beside them."""
    assert afterwards.stats["llm_api_metrics"] == afterwards.export["llm_api_metrics"]
    assert afterwards.stats["performance_metrics"] == afterwards.export["performance_metrics"]
    own = afterwards.stats["conversation_metrics"]
    assert own["total_api_calls"] == afterwards.export["llm_api_metrics"]["total_calls"]
    assert own["successful_ops"] + own["aborted_ops"] + own["retries"] == TURNS
    assert own["retries"] == afterwards.intents.count("UNKNOWN") == 3


def test_every_turn_and_node_is_measured(afterwards):
    """Each turn is one operation with one for each node that ran, within the request that it served."""
    counts = Counter()
    for has, value in afterwards.samples("hydrochat_operation_duration_seconds_count"):
        counts[has["hydrochat_operation"]] += value
    acted = TURNS - afterwards.intents.count("UNKNOWN")
    needs_fields = {"CREATE_PATIENT", "UPDATE_PATIENT", "DELETE_PATIENT", "GET_PATIENT_DETAILS", "GET_SCAN_RESULTS"}
    assert counts == {
        "chat_request": TURNS,
        "conversation_turn": TURNS,
        "conversation_turn.classify": TURNS,
        "conversation_turn.extract": sum(intent in needs_fields for intent in afterwards.intents),
        "conversation_turn.act": acted,
        "conversation_turn.ask_again": TURNS - acted,
        "act_on_records": acted,
    }
    performance = afterwards.export["performance_metrics"]
    assert (performance["metrics_count"], afterwards.stats["conversation_metrics"]["aborted_ops"]) == (
        counts.total(),
        afterwards.total("hydrochat_operation_duration_seconds_count", error_type="AbortedError"),
    )
    assert performance["threshold_violations"] == afterwards.total("hydrochat_operation_violations_total")


def test_nothing_failed_inside(afterwards):
    """The telemetry had no failure of its own, and nothing is unpriced or unreconciled."""
    assert afterwards.total("hydrochat_telemetry_errors_total") == 0
    assert afterwards.total("hydrochat_llm_unpriced_tokens_total") == 0
    assert afterwards.total("hydrochat_llm_unreconciled_calls_total") == 0


def test_nurses_at_the_same_time(tmp_path):
    """Conversations of several nurses at once add up: every call is in the export and in the ledger once."""
    with (
        GeminiEmulator(WardBrain()) as emulator,
        HydroChat(emulator.base_url, tmp_path, HYDROCHAT_METRICS_TOKEN=TOKEN) as chat,
    ):
        seen = []

        def converse(_):
            conversation_id = None
            for message in ("list patients", "Who are all patients?", "What about tea?", "Oh, never mind"):
                conversation_id = chat.say(message, conversation_id)["conversation_id"]
            seen.append(json.loads(chat.ask(EXPORT, token=TOKEN)[1])["llm_api_metrics"]["total_calls"])

        with ThreadPoolExecutor(4) as nurses:
            list(nurses.map(converse, range(8)))
        llm = json.loads(chat.ask(EXPORT, token=TOKEN)[1])["llm_api_metrics"]
        billed = emulator.ledger.totals()
    assert (llm["successful_calls"], llm["total_calls"], billed.calls.ok) == (24, 24, 24)
    assert (llm["prompt_tokens"], llm["completion_tokens"]) == (billed.tokens.input, billed.tokens.output)
    assert max(seen) == 24


def test_developers_only(afterwards):
    """An anonymous request gets 401, a nurse 403, staff and the token the export."""
    assert afterwards.access == {"anonymous": 401, "nurse": 403, "developer": 200, "token": 200, "wrong token": 401}


def test_no_patient_is_in_any_of_it(afterwards):
    """No name, number or wound of a patient is in export, metrics, statistics, the page's data or the log."""
    found = (
        afterwards.metrics + json.dumps([afterwards.export, afterwards.stats]) + afterwards.overview + afterwards.log
    )
    typed = [
        word for patient in PATIENTS for word in (*patient.name.split(), patient.nric, patient.wound) if len(word) > 3
    ]
    assert [word for word in (*typed, "91234567", "98765432") if word in found] == []
