"""Work that goes on after its request: its result is an entry of its own, and nothing of it is lost in silence."""

import io

import pytest
from instrumentation.gemini.client_calls import FLASH
from instrumentation.gemini.scenario_runner import open_client
from instrumentation.gemini.scenarios_surfaces import BATCH, PENDING
from instrumentation.gemini.surface_calls import (
    batch_file,
    batch_result,
    cache_and_delete,
    film_finished,
    wait_for_files,
)

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini.late_usage import Begun
from hydrochat_otel.runtime import failures
from hydrochat_otel.testing.replies import Reply, Usage
from hydrochat_otel.window.timelines import Calls

pytestmark = pytest.mark.usefixtures("instrumentor")
VIDEO = Reply(videos=2, model_version="veo-3.0-generate-001")


def ledger_of(emulator):
    """Return tokens and dollars as the emulator billed them."""
    assert emulator.wait_until_idle()
    totals = emulator.ledger.totals()
    return totals.tokens.total, pytest.approx(float(totals.cost_usd), rel=1e-3)  # storage goes on while we look


@pytest.mark.parametrize(
    ("work", "replies", "operation"),
    [
        (batch_result, (Reply(), PENDING, BATCH, BATCH), "batch_result"),
        (batch_file, (Reply(), Reply(to_file=True), BATCH, BATCH), "batch_result"),
        (film_finished, (Reply(), Reply(), VIDEO, VIDEO), "video_result"),
        (cache_and_delete, (Reply(usage=Usage(prompt=20), stored_hours=2.0),) * 2, "cache_storage"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_result_is_an_entry_of_its_own(emulator, meters, work, replies, operation):
    """The window holds the request as a call and its result apart, with the tokens and dollars that were billed."""
    emulator.script(*replies)
    work(open_client(emulator, vertex=operation == "video_result"))
    (result,) = [entry for entry in meters.entries if entry.kind == "result"]
    tokens, cost_usd = ledger_of(emulator)
    assert (result.operation, result.outcome, result.duration_s) == (operation, "ok", 0.0)
    assert (sum(result.tokens or ()), result.cost_usd) == (tokens, cost_usd)
    calls = Calls(meters.entries)
    sums = calls.sums(0, len(calls.ends))
    assert (sums.tokens, sums.cost_usd) == (tokens, cost_usd)
    assert sums.calls == sum(meters.by(semconv.LLM_CALLS, semconv.OUTCOME).values()) == 1


def finished_file(emulator):
    """Return a client and the name of the file of a finished batch."""
    emulator.script(Reply(), Reply(to_file=True), BATCH)
    client = open_client(emulator)
    job = client.batches.create(model=FLASH, src="files/requests")
    return client, client.batches.get(name=job.name).dest.file_name


def can_write_to(client):
    """Return whether this SDK can write a download to a path or stream."""
    return "destination" in client.files.download.__wrapped__.__kwdefaults__


def test_a_file_that_is_written_to_a_path_is_read_there(emulator, meters, tmp_path):
    """A batch's file that the caller lets the SDK write to a path counts like the one that it takes as bytes."""
    client, file = finished_file(emulator)
    if not can_write_to(client):
        pytest.skip("this SDK downloads into memory only")
    client.files.download(file=file, destination=str(tmp_path / "replies.jsonl"))
    wait_for_files()
    (result,) = [entry for entry in meters.entries if entry.kind == "result"]
    assert (sum(result.tokens), result.cost_usd) == ledger_of(emulator)


def test_a_file_that_goes_into_the_callers_stream_is_unreconciled(emulator, meters):
    """What cannot be read again without touching the caller's stream is said to be missing."""
    client, file = finished_file(emulator)
    if not can_write_to(client):
        pytest.skip("this SDK downloads into memory only")
    client.files.download(file=file, destination=io.BytesIO())
    assert meters.total(semconv.LLM_UNRECONCILED_CALLS) == 1


def test_work_beyond_the_bound_is_forgotten_oldest_first_and_said(caplog):
    """What was taken makes room; only more waiting work than the bound pushes the oldest out, which is counted."""
    begun = Begun(most=2)
    for number in range(100):
        begun.put(f"job-{number}", number)
        assert begun.take(f"job-{number}") == number
    assert "google_genai.late_usage" not in failures.counts()
    for name in ("a", "b", "c"):
        begun.put(name, name)
    assert [begun.take(name) for name in ("a", "b", "c")] == [None, "b", "c"]
    assert failures.counts()["google_genai.late_usage"] == 1
    assert "forgotten" in caplog.text
