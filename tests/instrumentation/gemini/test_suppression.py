"""Beside other instrumentations there is no second span, and tokens and cost count once."""

import pytest
from instrumentation.gemini.client_calls import ask
from instrumentation.gemini.scenario_runner import open_client
from opentelemetry import context as context_api

from hydrochat_otel import semconv
from hydrochat_otel.testing.replies import Usage, answer

INFERENCE = "opentelemetry.genai.client.inference.context"
CONVENTIONS = (semconv.GEN_AI_DURATION, semconv.GEN_AI_TOKEN_USAGE)


@pytest.mark.parametrize(
    "key",
    [INFERENCE, context_api._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"],
    ids=["genai", "otel", "plain"],
)
def test_another_librarys_span_replaces_ours(key, emulator, meters, instrumentor):
    """Under another GenAI span, and with suppressed instrumentation, only the ledger's counters are fed."""
    emulator.script(answer("Yes.", usage=Usage(prompt=10, answer=5)))
    token = context_api.attach(context_api.set_value(key, object()))
    try:
        ask()(open_client(emulator))
    finally:
        context_api.detach(token)
    measured = meters.measured()
    assert (measured.calls, measured.tokens, measured.cost_usd) == ({"ok": 1}, (10, 0, 0, 5, 0), 1.55e-05)
    assert (measured.attempts, meters.spans) == (1, ())
    assert [meters.points(spec) for spec in CONVENTIONS] == [[], []]


def test_a_key_that_was_cleared_means_nothing(emulator, meters, instrumentor):
    """A key that the other instrumentation reset to None after its span has no effect."""
    emulator.script(answer("Yes."))
    token = context_api.attach(context_api.set_value(INFERENCE, None))
    try:
        ask()(open_client(emulator))
    finally:
        context_api.detach(token)
    assert len(meters.spans) == 1


def test_without_an_sdk_calls_go_on(emulator, instrumentor):
    """Without a provider the API's no-op ones are used, and the caller sees no difference."""
    emulator.script(answer("Yes."))
    assert ask()(open_client(emulator))[0].text == "Yes."
