"""Promises of :mod:`hydrochat_otel.instrumentation.labels`."""

import pytest

from hydrochat_otel.instrumentation import labels
from hydrochat_otel.runtime import failures


@pytest.mark.parametrize("name", ["conversation_turn", "chat.turn", "tools/lookup-scans", "Classify2", "a:b", "_x"])
def test_identifiers_are_admitted(name):
    """Names as programmers write them stay as they are."""
    assert labels.operation_names(10).admit(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "lookup S1234567D",
        "lookup_S1234567D",
        "Tan Ah Kow",
        "call_91234567",
        "born_1985-03-02",
        "born_2.3.1985",
        "mail@example.org",
        "",
        "9lives",
        "x" * 97,
        "naïve",
    ],
)
def test_what_may_speak_of_a_person_is_other(name):
    """Prose, record numbers, phones, dates and mail addresses become `other` and are counted."""
    assert labels.operation_names(10).admit(name) == "other"
    assert failures.counts() == {"label.operation": 1}


def test_the_number_of_values_is_bounded():
    """Beyond the limit new values become `other`; those seen before stay."""
    names = labels.operation_names(2)
    assert [names.admit(name) for name in ("a", "b", "c", "a", "c")] == ["a", "b", "other", "a", "other"]
    assert failures.counts() == {"label.operation": 2}


@pytest.mark.parametrize(
    ("value", "kept"), [("ValueError", "ValueError"), ("429", "429"), ("oops: S1234567D", "other")]
)
def test_error_types_are_class_names_or_statuses(value, kept):
    """Nothing that could be a message passes as an error's type."""
    assert labels.error_types().admit(value) == kept
