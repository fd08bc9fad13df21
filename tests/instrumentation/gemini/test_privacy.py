"""Promises that nothing a patient typed, and nothing about a patient, leaves through the telemetry."""

import logging

import canary
import pytest
from google.genai import errors, types
from instrumentation.gemini.scenario_runner import FLASH, open_client

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.runtime import failures
from hydrochat_otel.testing.replies import ApiError, Part, Reply, Usage, answer, failure, function_call, rate_limited


def record_visit(patient: str) -> str:
    """Record a visit.

    Args:
        patient: Whose.
    """
    return f"{patient} {canary.PATIENT}"


def refuse_visit(patient: str) -> str:
    """Refuse a visit.

    Args:
        patient: Whose.
    """
    raise ValueError(f"{patient} {canary.PATIENT}")


def hostile_tool(patient: str) -> str:
    return patient


hostile_tool.__name__ = f"visit_{canary.NRIC}"
hostile_tool.__doc__ = f"Visit {canary.PATIENT}."


def conversation(emulator):
    """Put the patient into prompts, answers, arguments, results, messages, names, labels, headers and URLs."""
    client = open_client(emulator, retry=True)
    config = types.GenerateContentConfig(
        system_instruction=canary.PATIENT,
        tools=[record_visit, refuse_visit, hostile_tool],
        stop_sequences=["\n", canary.NAME],
        response_mime_type="text/plain",
        http_options=types.HttpOptions(
            headers={"x-patient": canary.SLUG, "x-demo-step": canary.SLUG},
            base_url=f"{emulator.base_url.replace('127', f'{canary.SLUG}:{canary.NRIC}@127')}/",
        ),
    )
    emulator.script(
        function_call("record_visit", {"patient": canary.PATIENT}),
        function_call("refuse_visit", {"patient": canary.PATIENT}, call_id=canary.PATIENT),
        function_call(hostile_tool.__name__, {"patient": canary.PATIENT}),
        answer(canary.PATIENT),
    )
    client.models.generate_content(model=FLASH, contents=canary.PATIENT, config=config)
    emulator.script(answer(canary.PATIENT, canary.NAME, usage=Usage(prompt=10, answer=3, thinking=2)))
    list(client.models.generate_content_stream(model=FLASH, contents=canary.PATIENT))
    emulator.script(Reply(parts=(Part(text=canary.PATIENT, thought=True),), finish_reason=canary.SLUG))
    client.models.generate_content(model=FLASH, contents=canary.PATIENT)
    emulator.script(answer("Yes.", model_version=canary.SLUG), answer("Yes."), Reply(usage=Usage(prompt=3)))
    client.models.generate_content(model=FLASH, contents="x")
    client.models.generate_content(model=canary.SLUG, contents="x")
    client.models.embed_content(model=f"gemini-{canary.SLUG}", contents=canary.PATIENT)
    emulator.script(
        failure(400, canary.PATIENT),
        rate_limited(),
        *[Reply(error=ApiError(code=503, message=canary.PATIENT, details=({"@type": canary.SLUG},)))] * 3,
        Reply(body=b'{"canary": ' + canary.PATIENT.encode()),
    )
    for _ in range(3):
        with pytest.raises((errors.APIError, ValueError)):
            client.models.generate_content(model=FLASH, contents=canary.PATIENT)
    with pytest.raises(ValueError, match="audio_timestamp"):
        client.models.generate_content(
            model=FLASH, contents=canary.PATIENT, config=types.GenerateContentConfig(audio_timestamp=True)
        )


@pytest.mark.parametrize("next_names", [False, True], ids=["today", "next"])
def test_a_marked_patient_leaves_no_trace(next_names, emulator, meters, instrumentor, caplog):
    """Prompts, answers, tools, stop sequences, errors, names, reasons, URLs: nothing in spans, metrics, logs, entries.

    By today's names and by the next ones.
    """
    kept = []
    meters.instruments = Instruments(
        meters.tracer_provider.get_tracer("t"),
        meters.meter_provider.get_meter("t"),
        keep=kept.extend,
        next_names=next_names,
    )
    instruments.bind(meters.instruments)
    with caplog.at_level(logging.DEBUG, "hydrochat_otel"):
        conversation(emulator)
        meters.instruments.queue.drain()
        data = meters.reader.get_metrics_data()
    logs = [record.getMessage() for record in caplog.records if record.name.startswith("hydrochat_otel")]
    assert emulator.unused_replies == 0
    assert len(meters.spans) == 16
    canary.assert_clean(spans=meters.spans, metrics=data, logs=logs, faults=failures.counts(), entries=kept)
    assert {entry.operation for entry in kept if entry.kind == "tool"} == {"record_visit", "refuse_visit", "other"}
    assert canary.found_in([request.body for request in emulator.requests])


def test_labels_of_hostile_calls_are_closed_sets(emulator, meters, instrumentor):
    """Unknown models and versions are `other`, unknown finish reasons are OTHER, servers have neither user nor path."""
    conversation(emulator)
    models = {attributes[semconv.GEN_AI_REQUEST_MODEL] for attributes, _ in meters.points(semconv.LLM_CALLS)}
    tools = [span for span in meters.spans if semconv.GEN_AI_TOOL_NAME in span.attributes]
    found = [span.attributes for span in meters.spans if span not in tools]
    assert models == {FLASH, "other"}
    assert {span.get(semconv.GEN_AI_RESPONSE_MODEL, FLASH) for span in found} == {FLASH, "other"}
    assert {span[semconv.SERVER_ADDRESS] for span in found} == {"127.0.0.1"}
    assert {reason for span in found for reason in span.get(semconv.GEN_AI_FINISH_REASONS, ())} == {"stop", "other"}
    assert [span.name.removeprefix("execute_tool ") for span in tools] == ["record_visit", "refuse_visit", "other"]
    assert {span.name for span in meters.spans if span not in tools} == {
        f"generate_content {FLASH}",
        "generate_content other",
        "embeddings other",
    }
    assert all(not span.events and span.status.description is None for span in meters.spans)


def test_the_search_finds_a_planted_text():
    """The search finds a planted text, so that an empty result is meaningful."""
    for dirty in (
        canary.PATIENT,
        canary.SLUG.upper(),
        {"x": [canary.NRIC]},
        [b"tel 98765432"],
        ValueError(canary.NAME),
    ):
        with pytest.raises(AssertionError, match="the patient was found"):
            canary.assert_clean(place=dirty)
    canary.assert_clean(place={"gen_ai.request.model": FLASH, "count": 3})
