"""Promises of :mod:`hydrochat_otel.instrumentation.labels`."""

import pytest

from hydrochat_otel.instrumentation import labels, refusals
from hydrochat_otel.instrumentation.attribution import OUTSIDE, Within


@pytest.mark.parametrize("name", ["conversation_turn", "chat.turn", "tools/lookup-scans", "Classify2", "a:b", "_x"])
def test_identifiers_are_admitted(name):
    """Names as programmers write them are unchanged."""
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
def test_values_that_may_identify_a_person_are_other(name):
    """Prose, record numbers, phones, dates and mail addresses become `other` and are counted."""
    assert labels.operation_names(10).admit(name) == "other"
    assert refusals.by_label() == {"operation": 1}


def test_the_number_of_values_is_bounded():
    """Beyond the limit new values become `other`; those seen before stay."""
    names = labels.operation_names(2)
    assert [names.admit(name) for name in ("a", "b", "c", "a", "c")] == ["a", "b", "other", "a", "other"]
    assert refusals.by_label() == {"operation": 2}


@pytest.mark.parametrize(
    ("value", "kept"),
    [("ValueError", "ValueError"), ("429", "429"), ("oops: S1234567D", "_OTHER"), ("S1234567A", "_OTHER")],
)
def test_error_types_are_class_names_or_statuses(value, kept):
    """No text that could be a message is accepted as an error's type."""
    assert labels.error_types().admit(value) == kept


TURN = Within("classify", "turn")


def test_a_call_is_attributed_to_operation_root_and_model():
    """Inside tracked operations both are named, outside of all both are `none`."""
    set_ = labels.Attributions()
    assert set_.attributes(TURN, "m", ()) == {
        "gen_ai.request.model": "m",
        "hydrochat.operation": "classify",
        "hydrochat.root_operation": "turn",
    }
    assert set_.attributes(OUTSIDE, "m", ())["hydrochat.operation"] == "none"


def test_dimensions_are_those_of_the_setting():
    """A missing one is `none`, one of another name is left out, and a value beyond twenty or of prose is `other`."""
    set_ = labels.Attributions(("tier", "channel"))
    made = set_.attributes(TURN, "m", (("patient", "x"), ("tier", "gold")))
    assert {name: value for name, value in made.items() if "dimension" in name} == {
        "hydrochat.dimension.tier": "gold",
        "hydrochat.dimension.channel": "none",
    }
    values = [set_.attributes(TURN, "m", (("tier", f"t{n}"),))["hydrochat.dimension.tier"] for n in range(25)]
    assert values.count("other") == 6
    assert set_.attributes(TURN, "m", (("channel", "Tan Ah Kow"),))["hydrochat.dimension.channel"] == "other"
    assert refusals.by_label() == {"dimension": 7}


def test_combinations_are_bounded():
    """Beyond the limit a new combination keeps its model; what was admitted before stays, each refusal is counted."""
    set_ = labels.Attributions(("tier",), limit=2)
    for name in ("a", "b", "c", "c"):
        made = set_.attributes(Within(name, "turn"), "m", (("tier", "gold"),))
    assert made == {
        "gen_ai.request.model": "m",
        "hydrochat.operation": "other",
        "hydrochat.root_operation": "other",
        "hydrochat.dimension.tier": "other",
    }
    assert set_.attributes(Within("a", "turn"), "m", (("tier", "gold"),))["hydrochat.operation"] == "a"
    assert refusals.by_label() == {"attribution": 2}
