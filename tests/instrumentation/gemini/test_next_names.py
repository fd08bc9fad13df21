"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.convention_feeds`: today's names or the next, never both."""

import pytest
from instrumentation.gemini.client_calls import ask, count, embed, read
from instrumentation.gemini.meters import Meters
from instrumentation.gemini.scenario_runner import open_client
from instrumentation.gemini.scenarios import FULL

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini import token_modalities
from hydrochat_otel.instrumentation.gemini.token_modalities import ByModality
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.prices.usage import Tokens
from hydrochat_otel.settings import Settings
from hydrochat_otel.testing.replies import Reply, Usage, answer

NEXT = {spec.name for spec in semconv.NEXT_METRICS}
REPLACED = {spec.name for spec in semconv.metrics.REPLACED}


@pytest.fixture
def next_meters(instrumentor):
    """Providers of this test's own whose instruments have the next names."""
    made = Meters()
    made.instruments = Instruments(
        made.tracer_provider.get_tracer(semconv.SCOPE),
        made.meter_provider.get_meter(semconv.SCOPE),
        next_names=True,
    )
    instruments.bind(made.instruments)
    yield made
    instruments.bind(None)
    made.close()


def names_of(meters):
    """The names of the metrics that have points."""
    meters.instruments.queue.drain()
    data = meters.reader.get_metrics_data()
    return {
        metric.name
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if list(metric.data.data_points)
    }


def work(emulator):
    """An answer with every kind of token, a stream, an embedding and a count."""
    emulator.script(answer("Yes.", usage=FULL), answer("a", "b"), answer("x"), Reply(usage=Usage(prompt=3)))
    client = open_client(emulator)
    ask()(client)
    read()(client)
    embed()(client)
    count(client)


def test_who_opts_in_gets_the_next_names_instead(emulator, next_meters):
    """All of them are fed; of today's only the duration of what is neither inference nor embedding."""
    work(emulator)
    names = names_of(next_meters)
    assert names >= NEXT
    assert names & REPLACED == set()
    durations = next_meters.points(semconv.GEN_AI_DURATION)
    assert [labels[semconv.GEN_AI_OPERATION] for labels, _, _ in durations] == ["count_tokens"]


def test_without_opting_in_they_are_missing(emulator, meters, instrumentor):
    """Without the word there are today's names only."""
    work(emulator)
    names = names_of(meters)
    assert names & NEXT == set()
    assert names >= REPLACED


def test_tokens_and_cost_of_the_next_names(emulator, next_meters):
    """Counters by modality add up to the totals, and the span carries them and the cost of the open convention."""
    emulator.script(answer("Yes.", usage=FULL))
    ask()(open_client(emulator))
    (span,) = next_meters.spans
    found = {name: value for name, value in span.attributes.items() if name.startswith("gen_ai.usage.")}
    cost_usd = found.pop("gen_ai.usage.cost.amount")
    assert cost_usd > 0
    assert found == {
        "gen_ai.usage.input_tokens": 127,
        "gen_ai.usage.output_tokens": 29,
        "gen_ai.usage.cache_read.input_tokens": 50,
        "gen_ai.usage.reasoning.output_tokens": 9,
        "gen_ai.usage.text.input_tokens": 87,
        "gen_ai.usage.text.output_tokens": 29,
        "gen_ai.usage.audio.input_tokens": 30,
        "gen_ai.usage.image.input_tokens": 10,
        "gen_ai.usage.cost.currency": "USD",
        "gen_ai.usage.cost.source": "local",
    }
    assert semconv.COST_USD not in span.attributes
    sums = [next_meters.by(spec, semconv.GEN_AI_TOKEN_MODALITY) for spec in semconv.NEXT_USAGE]
    assert [sum(by_modality.values()) for by_modality in sums] == [127, 29, 50, 9]
    assert sums[0] == {"text": 87, "audio": 30, "image": 10}


@pytest.mark.parametrize(
    ("tokens", "by_modality"),
    [
        (Tokens(10, 0, 0, 4, 2), ByModality({"unknown": 10}, {"unknown": 6}, {}, {"unknown": 2})),
        (
            Tokens(10, 5, 0, 4, 2, fresh_by_modality={"VIDEO": 10}, broken_down=(True, False, False, True)),
            ByModality({"video": 10, "text": 5}, {"text": 6}, {"text": 5}, {"text": 2}),
        ),
        (Tokens(), ByModality({}, {}, {}, {})),
    ],
    ids=["states none", "states some", "used nothing"],
)
def test_a_reply_that_states_no_modality_is_unknown(tokens, by_modality):
    """What a reply breaks down is text or another modality; what it does not is unknown; zeros are left out."""
    assert token_modalities.of(tokens) == by_modality


def test_the_word_is_read_from_the_settings(monkeypatch):
    """Other words beside it, white space and empty ones do no harm, and nothing stops the start."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http, gen_ai_latest_experimental,,")
    assert Settings.load().semconv_opt_in == ("http", "gen_ai_latest_experimental")
