"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.reply_facts`: what the raw body of an embedding states."""

import json

import pytest

from hydrochat_otel.instrumentation.gemini import reply_facts
from hydrochat_otel.prices.usage import UsageRecord


def ledger(body):
    record = UsageRecord(prompt_only=True)
    record.take(reply_facts.usage_of_body(body))
    return record.tokens()


def body(**usage):
    return json.dumps({"embedding": {"values": [0.1, 0.2]}, "usageMetadata": usage})


def test_a_body_states_tokens_and_modalities():
    """The prompt's tokens by modality are read, because they have different prices."""
    details = [{"modality": "TEXT", "tokenCount": 30}, {"modality": "AUDIO", "tokenCount": 70}]
    tokens = ledger(body(promptTokenCount=100, promptTokensDetails=details))
    assert (tokens.input_fresh, tokens.fresh_by_modality, tokens.reconciled) == (100, {"AUDIO": 70}, True)


@pytest.mark.parametrize(
    "text",
    [
        body(promptTokenCount=100, totalTokenCount=101),
        body(promptTokenCount="100"),
        body(promptTokenCount=True),
        body(promptTokenCount=2**64),
        body(promptTokenCount=100, promptTokensDetails="x")[:-3],
        body(),
        "{}",
        '{"usageMetadata": ' + "[" * 100_000,
        '{"usageMetadata": ' + '{"a": ' * 100_000,
        '"usageMetadata"',
    ],
    ids=range(10),
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a collection at the recursion limit
def test_a_body_that_states_nonsense_is_not_reconciled(text):
    """A record that is missing, cut off, too deep or does not balance raises nothing and is no exact usage."""
    assert not ledger(text).reconciled
