"""Promises of :mod:`hydrochat_otel.pipeline.start_warnings`."""

import pytest

from hydrochat_otel.pipeline import start_warnings
from hydrochat_otel.settings import Settings

UNNAMED = (
    "This service has no name, so HYDROCHAT_STATE adds its numbers to those of every other service without a name: "
    "set OTEL_SERVICE_NAME."
)


@pytest.mark.parametrize(
    ("state", "service", "said"),
    [
        ("sqlite:///state.db", "unknown_service:python", [UNNAMED]),
        ("redis://localhost", "unknown_service", [UNNAMED]),
        ("redis://localhost", "chat", []),
        ("auto", "unknown_service", []),
        ("memory", "unknown_service", []),
    ],
)
def test_a_named_state_without_a_named_service_is_one_sentence(state, service, said):
    """Services without a name share numbers in a state that a setting names, so the start says what to set."""
    assert list(start_warnings.sentences({}, Settings(state=state), service)) == said


def test_an_unknown_setting_is_one_sentence_too():
    """A variable with our prefix that is no setting is named at the start."""
    (sentence,) = start_warnings.sentences({"HYDROCHAT_STAT": "x"}, Settings(), "chat")
    assert sentence == "HYDROCHAT_STAT is not a setting and is ignored; did you mean HYDROCHAT_STATE?"
