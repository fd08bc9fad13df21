"""Promises of :mod:`hydrochat_otel.instrumentation.refusals`."""

import logging

import pytest

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import labels, refusals
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.views import json_export, money, overview, plain_tables, turns

PERSON = "Tan Ah Kow S1234567D"


def said(caplog):
    """Return the sentences about refusals, after writing those that wait."""
    refusals.say()
    return [record.getMessage() for record in caplog.records if "Refused values" in record.getMessage()]


@pytest.mark.parametrize("make", [labels.operation_names, labels.model_names, labels.tool_names, labels.error_types])
def test_a_name_that_may_be_about_a_person_is_never_written(make, caplog):
    """Its one sentence states the set, the rule and the cure, and no part of the name."""
    for _ in range(5):
        make(10).admit(PERSON)
    (sentence,) = said(caplog)
    assert "The rule: " in sentence
    assert "not shown" in sentence
    assert not any(part in sentence for part in PERSON.split())
    ((_, name),) = refusals.by_name()
    assert name == semconv.OTHER


def test_each_refused_name_has_one_sentence(caplog):
    """Two names are two sentences, however often each is refused; the counts are by set."""
    names = labels.operation_names(10)
    for _ in range(3):
        names.admit("a b")
        names.admit("c d")
    assert len(said(caplog)) == 2
    assert said(caplog) == [record.getMessage() for record in caplog.records]
    assert refusals.by_label() == {"operation": 6}


def test_a_name_that_came_too_late_is_shown(caplog):
    """Its form is that of the names that are kept, so the sentence shows it, and which setting raises the limit."""
    names = labels.operation_names(1)
    names.admit("first")
    names.admit("second")
    (sentence,) = said(caplog)
    assert "'second'" in sentence
    assert "1 are in use" in sentence
    assert "HYDROCHAT_MAX_OPERATIONS" in sentence
    assert refusals.by_name() == {("operation", "second"): 1}


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("gemini-9-hyper", "gemini-9-*"),
        ("gemini-john-tan", "gemini-*"),
        ("gemini-85-03-02-flash", semconv.OTHER),
        ("gemini-flash-S1234567D", "gemini-flash-*"),
        ("john-tan", semconv.OTHER),
        ("", semconv.OTHER),
    ],
)
def test_of_a_models_id_the_vendors_own_words_are_shown(model, shown):
    """The rest of the id may be anything that a caller passed by mistake."""
    labels.model_names().admit(model)
    assert refusals.by_name() == {("model", shown): 1}


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-9.9-ultra-preview-09-2031"])
def test_a_model_of_a_models_form_is_kept(model):
    """Whether it has a price or not."""
    assert labels.model_names().admit(model) == model
    assert refusals.by_label() == {}


def test_the_names_and_sentences_are_bounded(caplog):
    """A host that puts an id into each name gets twenty names, a hundred sentences, and an exact count."""
    names = labels.operation_names(1)
    for number in range(500):
        names.admit(f"turn_{number}")
    assert len(refusals.by_name()) == 21
    assert len(said(caplog)) == 100
    assert refusals.by_label() == {"operation": 499}


def test_a_refusal_is_no_failure_and_every_view_lists_it(installed, caplog):
    """It is counted apart from telemetry errors; export, page and tables name it, and the drain writes its sentence."""
    with caplog.at_level(logging.WARNING), track_response_time(PERSON):
        pass
    snapshot = installed.snapshot()
    listed = [{"label": "operation", "name": None, "count": 1}]
    assert json_export.document(snapshot)["refused_names"] == listed
    shown = overview.document(snapshot, [])
    assert shown["refused_names"] == listed
    collected = turns.collect(snapshot.entries)
    latest = turns.document(collected, turns.Search(), unix_s=snapshot.unix_s)
    assert "not shown" in plain_tables.render(shown, money.document(snapshot), latest)
    assert failures.counts() == {}
    assert snapshot.total(semconv.TELEMETRY_ERRORS) == 0
    assert snapshot.sums_by(semconv.LABEL_REFUSALS, semconv.LABEL) == {("operation",): 1}
    assert len([record for record in caplog.records if "Refused values" in record.getMessage()]) == 1


def test_the_host_logs_nothing_while_it_is_refused(caplog):
    """A name may be refused in a finaliser or on the host's path: the sentence waits for the thread that feeds."""
    labels.operation_names(1).admit(PERSON)
    assert caplog.records == []
