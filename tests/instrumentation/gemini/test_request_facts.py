"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.request_facts`: numbers and closed sets, never a text."""

import pytest
from google.genai import types
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini.request_facts import RequestAttributes, facts

CONFIG = {
    "temperature": 1,
    "top_p": 0.9,
    "top_k": 10,
    "max_output_tokens": 100,
    "candidate_count": 2,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "seed": 42,
    "stop_sequences": ["\n\n", "###"],
    "response_mime_type": "application/json",
    "thinking_config": {"thinking_level": "LOW"},
}
RECORDED = {
    "gen_ai.request.temperature": 1.0,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.top_k": 10,
    "gen_ai.request.max_tokens": 100,
    "gen_ai.request.choice.count": 2,
    "gen_ai.request.frequency_penalty": 0.1,
    "gen_ai.request.presence_penalty": 0.2,
    "gen_ai.request.seed": 42,
    "gen_ai.request.stop_sequences": ("\n\n", "###"),
    "gen_ai.request.reasoning.level": "LOW",
    "gen_ai.output.type": "json",
}
WIRE = {"".join(part.capitalize() if n else part for n, part in enumerate(k.split("_"))): v for k, v in CONFIG.items()}


def facts_of(operation="generate_content", *, stream=False, **config):
    """The facts of a request."""
    return facts(operation, config, stream=stream)


def model_of(config):
    """The configuration as a model of the SDK."""
    if "thinking_level" not in types.ThinkingConfig.model_fields:
        pytest.skip("this google-genai has no levels of thinking")
    return types.GenerateContentConfig(**config)


@pytest.mark.parametrize("form", [model_of, dict, lambda _: WIRE], ids=["model", "dict", "wire"])
def test_every_number_and_closed_set_of_a_request_is_recorded(form):
    """A configuration gives the same facts as a model, a dictionary or wire names, with the right types."""
    config = form(CONFIG)
    found = facts("generate_content", config, stream=False)
    assert found == RECORDED
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in RECORDED.items()
    }


def test_a_default_request_has_no_facts():
    """Without a configuration, with one candidate and no stream, there are no facts; a stream is one."""
    assert facts("generate_content", None, stream=False) == facts_of(candidate_count=1) == {}
    assert facts("generate_content", None, stream=True) == {"gen_ai.request.stream": True}


@pytest.mark.parametrize(
    ("operation", "config", "output_type"),
    [
        ("generate_content", {"response_schema": {"type": "OBJECT"}}, "json"),
        ("generate_content", {"response_json_schema": {}}, "json"),
        ("generate_content", {"response_modalities": ["TEXT", "IMAGE"]}, "image"),
        ("live", {"response_modalities": [types.Modality.AUDIO]}, "speech"),
        ("generate_content", {"response_modalities": ["TEXT"]}, "text"),
        ("generate_content", {"response_mime_type": "text/x.enum"}, "text"),
        ("generate_content", {"response_mime_type": "S1234567D"}, None),
        ("generate_images", {"number_of_images": 1}, "image"),
    ],
)
def test_the_output_type_is_a_member_of_the_enumeration(operation, config, output_type):
    """The output type is the requested one, and missing if the request does not state it."""
    assert facts_of(operation, **config).get(semconv.GEN_AI_OUTPUT_TYPE) == output_type


@pytest.mark.parametrize(
    "sequences",
    [["Tan Ah Kow"], ["\n", "a"], ["7"], ["陈"], ["---------"], [""], [7], "###", ["#"] * 17, [], iter(["#"])],
)
def test_stop_sequences_that_may_be_words_are_not_recorded(sequences):
    """A sequence with a letter or digit of any script, a longer one or another type suppresses all of them."""
    assert facts_of(stop_sequences=sequences) == {}


def test_stop_sequences_that_change_while_they_are_read_are_not_recorded():
    """What is recorded is what was looked at, although another thread changes the list in between."""

    class Changing(list):
        def __iter__(self):
            yield self[0]
            self[0] = "Tan"

    assert facts_of(stop_sequences=Changing(["###"])) == {"gen_ai.request.stop_sequences": ("###",)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "S1234567D"),
        ("temperature", True),
        ("temperature", float("nan")),
        ("top_k", 1.5),
        ("seed", 2**63),
        ("max_output_tokens", ["S1234567D"]),
        ("thinking_config", {"thinking_level": "Tan Ah Kow"}),
    ],
)
def test_invalid_values_are_left_out(name, value):
    """Values that an exporter could not encode, or that may be text, are no facts; nothing is raised."""
    assert facts_of(**{name: value}) == {}


@pytest.mark.parametrize(
    ("previous", "is_told"),
    [
        ("v1_ChdhYm1zYS1JQnVlQ2p1TVA4dGFPdUFj", True),
        ("123e4567-e89b-12d3-a456-426614174000", True),
        ("tan-ah-kow-1950-01-01", False),
        ("S1234567D", False),
    ],
)
def test_an_interaction_names_the_one_before_by_its_form(previous, is_told):
    """An id in the service's form is recorded; any other text of a caller is not."""
    asked = {"previous_interaction_id": previous, "generation_config": {"temperature": 0.5, "thinking_level": "high"}}
    found = facts("interaction", asked, stream=False)
    assert found.pop(semconv.GEN_AI_PREVIOUS_RESPONSE, None) == (previous if is_told else None)
    assert found == {"gen_ai.request.temperature": 0.5, "gen_ai.request.reasoning.level": "high"}


def test_a_live_session_may_state_its_facts_in_two_places():
    """The configuration of a live session and the one inside of it both count; the outer one wins."""
    inner = types.GenerationConfig(temperature=0.5, top_k=7, max_output_tokens=9)
    config = types.LiveConnectConfig(temperature=1.0, generation_config=inner, response_modalities=["AUDIO"])
    found = {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_k": 7,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.output.type": "speech",
    }
    assert facts("live", config, stream=False) == found
    wire = {"temperature": 1.0, "generationConfig": {"topK": 7, "maxOutputTokens": 9}, "responseModalities": ["AUDIO"]}
    assert facts("live", wire, stream=False) == found


def test_embeddings_record_their_dimensions():
    """The number of dimensions is a whole number."""
    assert facts_of("embeddings", output_dimensionality=256) == {"gen_ai.embeddings.dimension.count": 256}


def test_a_sampler_sees_the_facts_and_an_unread_request_costs_nothing():
    """The attributes exist when a sampler decides; if nothing reads them, the configuration is not read."""
    seen = {}

    class Looking(Sampler):
        def should_sample(  # noqa: PLR0917 - the SDK's signature
            self, parent_context, trace_id, name, kind=None, attributes=None, links=None
        ):
            seen.update(attributes)
            return SamplingResult(Decision.DROP)

        def get_description(self):
            return "looking"

    class Untouchable:
        @property
        def __dict__(self):
            raise AssertionError

    labels = {semconv.GEN_AI_OPERATION: "generate_content"}
    tracer = TracerProvider(sampler=Looking(), shutdown_on_exit=False).get_tracer("t")
    tracer.start_span("x", attributes=RequestAttributes(labels, "generate_content", CONFIG, stream=False))
    assert seen == labels | RECORDED
    unread = RequestAttributes(labels, "generate_content", Untouchable(), stream=False)
    assert bool(unread)
    assert unread == unread  # noqa: PLR0124 - as the SDK compares them


def test_a_configuration_that_fails_leaves_the_call_alone():
    """If reading the configuration raises, the span has the attributes of its labels."""

    class Broken:
        @property
        def __dict__(self):
            raise LookupError

    labels = {semconv.GEN_AI_OPERATION: "generate_content"}
    assert dict(RequestAttributes(labels, "generate_content", Broken(), stream=True)) == labels
