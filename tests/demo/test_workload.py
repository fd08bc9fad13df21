import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from hydrochat_otel.demo import workload
from hydrochat_otel.demo.patients import PATIENTS
from hydrochat_otel.demo.scenario import Case, ConversationBrain, Mark, plan
from hydrochat_otel.demo.workload import UnexpectedOutcomeError, run_workload
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.testing.ledger import CallCounts
from hydrochat_otel.testing.replies import answer

TURNS = 48
"""Two rounds of all cases."""


def totals_of_a_run(turns=TURNS, seed=17, **arguments):
    """Return the ledger's totals after a separate run, and the run's report."""
    with GeminiEmulator(ConversationBrain()) as emulator:
        report = run_workload(emulator.base_url, turns=turns, seed=seed, time_scale=0.01, **arguments)
        return emulator.ledger.totals(), report


@pytest.fixture(scope="module")
def run():
    """One run of all cases."""
    return totals_of_a_run()


def test_every_turn_ends_and_planned_failures_are_counted(run):
    """The report has all turns and exactly the failures that were planned."""
    _, report = run
    planned = [plan(turn) for turn in range(TURNS)]
    assert (report.turns, report.failures) == (
        TURNS,
        {
            "answer_patient": sum(turn.answer in {Case.FAILING, Case.CUT} for turn in planned),
            "save_record": sum(turn.save_fails for turn in planned),
        },
    )
    assert report.expected_failures == 8
    assert report.wall_s > 0


def test_the_same_seed_gives_the_same_ledger(run):
    """Totals are equal to the last token and cent from run to run, in any order of arrival."""
    assert totals_of_a_run()[0] == run[0]


def test_another_seed_gives_other_tokens_and_the_same_calls(run):
    """The seed decides the numbers, not the events."""
    other = totals_of_a_run(seed=18)[0]
    assert (other.requests_by_status, other.calls_by_kind) == (run[0].requests_by_status, run[0].calls_by_kind)
    assert other.tokens != run[0].tokens


def test_a_run_contains_every_case(run):
    """Every outcome, every bucket, retries, unpriced and unreconciled calls and three kinds of request occur."""
    totals, _ = run
    assert totals.calls == CallCounts(ok=174, error=4, blocked=2, cancelled=2)
    assert totals.calls_by_kind["count"] == CallCounts(ok=10)
    assert totals.calls_by_kind["embed"] == CallCounts(ok=16)
    assert totals.requests_by_status == {200: 190, 429: 5, 500: 8, 503: 10}
    assert totals.retries == 21
    assert totals.unreconciled_calls == 2
    assert set(totals.unpriced_tokens) == {"wound-triage-preview"}
    assert min(vars_of(totals.tokens).values()) > 0
    assert set(totals.tokens_by_model) == {
        "gemini-2.0-flash-exp",
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
        "gemini-2.5-pro",
        "gemini-embedding-001",
        "wound-triage-preview",
    }
    assert "gemini-flash-latest" in totals.tokens_by_requested_model


def vars_of(buckets):
    """Return the buckets by name."""
    return {name: getattr(buckets, name) for name in buckets.__dataclass_fields__}


def test_progress_is_reported_turn_by_turn():
    """The callback gets 1, 2, ... up to the number of turns."""
    heard = []
    totals_of_a_run(turns=9, on_turn=heard.append)
    assert heard == list(range(1, 10))


def test_every_case_occurs_within_sixty_turns():
    """A default run covers every case of the emulator."""
    planned = [plan(turn) for turn in range(60)]
    steps = ("classify", "extract", "answer", "scans", "embed", "count", "summarise")
    assert {getattr(turn, step) for turn in planned for step in steps} == {*Case, None}
    assert {turn.in_thread for turn in planned if turn.scans} == {True, False}
    assert {turn.in_thread for turn in planned if turn.embed} == {True, False}


def test_the_brain_answers_a_second_run_like_the_first():
    """Its count of refused calls ends with the calls."""
    with GeminiEmulator(ConversationBrain()) as emulator:
        run_workload(emulator.base_url, turns=12, time_scale=0.01)
        first = emulator.ledger.totals()
        emulator.wait_until_idle()
        emulator.ledger.clear()
        run_workload(emulator.base_url, turns=12, time_scale=0.01)
        assert emulator.ledger.totals() == first


def test_the_brain_answers_other_clients_too():
    """A request without a mark gets an answer, or a function call if it declares functions."""
    brain = ConversationBrain()
    with GeminiEmulator(brain) as emulator, workload._client(emulator.base_url, 0.01) as client:
        assert "dressing" in client.models.generate_content(model="m", contents="x").text
        chat = client.chats.create(model="m", config={"tools": [workload.find_scans]})
        assert "dressing" in chat.send_message("x").text
        assert len(emulator.requests) == 3


def test_a_step_that_does_not_fail_as_planned_is_reported():
    """A workload with another emulator than it was written for reports that instead of counting nothing."""
    brain = ConversationBrain()

    def kind_brain(request):
        return brain(request) if "failing" not in request.step else answer("all is well")

    with GeminiEmulator(kind_brain) as emulator, pytest.raises(ExceptionGroup) as caught:
        run_workload(emulator.base_url, turns=18, time_scale=0.01)
    (error,) = caught.value.exceptions
    assert isinstance(error, UnexpectedOutcomeError)
    assert str(error) == "answer_patient was planned to fail and did not"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"turns": 0}, r"turns is 0; it must be 1 or more"),
        ({"time_scale": 0}, r"time_scale is 0; it must be more than 0"),
    ],
)
def test_arguments_out_of_bounds_are_refused(arguments, message):
    """One sentence has the name, the value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        run_workload("http://127.0.0.1:1", **arguments)


def test_patients_live_in_prompts_only():
    """No name and no id is in a mark, a path, or an exception; they are in the bodies."""
    with GeminiEmulator(ConversationBrain(), record_bodies=True) as emulator:
        report = run_workload(emulator.base_url, turns=12, time_scale=0.01)
        bodies = b"".join(request.body for request in emulator.requests).decode()
        outside = " ".join(
            [*(f"{request.path}?{request.query}" for request in emulator.requests), repr(report)]
            + [repr(line) for line in emulator.ledger.lines]
        )
    private = [word for patient in PATIENTS for word in (patient.name, patient.nric)]
    assert [word for word in private if word in outside] == []
    assert any(word in bodies for word in private)


def test_no_patient_can_be_a_real_one():
    """Each id has the form of a Singapore NRIC and the wrong check letter."""
    for patient in PATIENTS:
        assert re.fullmatch(r"S\d{7}[A-Z]", patient.nric)
        weighted = sum(
            int(digit) * weight for digit, weight in zip(patient.nric[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True)
        )
        assert patient.nric[-1] != "JZIHGFEDCBA"[weighted % 11]


def test_marks_survive_the_header():
    """A mark is parsed as it was written, and any other text is None."""
    mark = Mark(seed=17, turn=3, step="answer", case=Case.SLOW, time_scale=0.01)
    assert Mark.parse(str(mark)) == mark
    assert [Mark.parse(text) for text in ("", "hello", "1 2 answer nothing 1", "1 2 dance slow 1")] == [None] * 4
    assert replace(mark, case=Case.UNPRICED).model == "wound-triage-preview"


def test_importing_the_package_does_not_import_the_demo():
    """Neither the demo nor google.genai is loaded by `import hydrochat_otel`."""
    code = "import sys, json, hydrochat_otel; print(json.dumps([*sys.modules]))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
    assert [name for name in loaded if name.startswith(("google.genai", "hydrochat_otel.demo"))] == []
