"""A conversation workload like HydroChat's: nurses send messages about wounds, Gemini classifies, extracts, answers.

It drives an emulator with a :class:`~hydrochat_otel.demo.scenario.ConversationBrain` through the real google-genai
client, sync and async, plain and streamed, and tracks its operations as any application would.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from google import genai
from google.genai import errors, types

from hydrochat_otel.demo.patients import PATIENTS, Patient
from hydrochat_otel.demo.scenario import FAILING_CASES, Case, Mark, Step, plan
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.testing.wire import STEP_HEADER

_CONCURRENT_TURNS: Final = 8
_READ_BEFORE_CLOSING: Final = 2
_JSON: Final = "application/json"
_INTENT: Final = {"type": "OBJECT", "properties": {"intent": {"type": "STRING", "enum": ["UPDATE_PATIENT", "UNKNOWN"]}}}
_FIELDS: Final = {"type": "OBJECT", "properties": {"first_name": {"type": "STRING"}, "nric": {"type": "STRING"}}}


class RecordStoreError(Exception):
    """The demo's patient records cannot be written: a failure that is unrelated to Gemini."""


class UnexpectedOutcomeError(Exception):
    """A step that was planned to fail did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadReport:
    """The result of the workload: turns, the planned failures by operation, and the time it took."""

    turns: int
    failures: Mapping[str, int]
    wall_s: float

    @property
    def expected_failures(self) -> int:
        """All planned failures."""
        return sum(self.failures.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ward:
    """State that all turns share."""

    client: genai.Client
    seed: int
    time_scale: float
    failures: Counter[str] = field(default_factory=Counter)

    def mark(self, turn: int, step: Step, case: Case) -> Mark:
        return Mark(seed=self.seed, turn=turn, step=step, case=case, time_scale=self.time_scale)

    def patient(self, turn: int) -> Patient:
        return PATIENTS[(self.seed + turn) % len(PATIENTS)]

    @contextmanager
    def failing(self, operation: str, error: type[Exception]) -> Iterator[None]:
        """Count the planned failure of the body; raise if it does not fail."""
        try:
            yield
        except error:
            self.failures[operation] += 1
        else:
            raise UnexpectedOutcomeError(f"{operation} was planned to fail and did not")


def run_workload(
    base_url: str,
    *,
    turns: int = 60,
    seed: int = 17,
    on_turn: Callable[[int], None] | None = None,
    time_scale: float = 1.0,
) -> WorkloadReport:
    """Run a conversation of some turns, several at a time, and return when the last has ended.

    Planned failures (refused calls, a broken connection, an unavailable record store) are caught and counted.

    Args:
        base_url: Of an emulator with a :class:`~hydrochat_otel.demo.scenario.ConversationBrain`.
        turns: How many, at least 1.
        seed: Decides patients, tokens and latencies; equal seeds give equal bills.
        on_turn: Called after each turn with the number of finished turns, in the thread that runs the workload.
        time_scale: Factor on all waiting; 0.01 for tests.

    Raises:
        ValueError: An argument is out of bounds.
    """
    if turns < 1:
        raise ValueError(f"turns is {turns}; it must be 1 or more")
    if time_scale <= 0:
        raise ValueError(f"time_scale is {time_scale}; it must be more than 0")
    return asyncio.run(_run(base_url, turns, seed, on_turn, time_scale))


async def _run(
    base_url: str, turns: int, seed: int, on_turn: Callable[[int], None] | None, time_scale: float
) -> WorkloadReport:
    started_s = time.monotonic()
    finished = 0
    places = asyncio.Semaphore(_CONCURRENT_TURNS)

    async def take(ward: _Ward, turn: int) -> None:
        nonlocal finished
        async with places:
            await _conversation_turn(ward, turn)
        finished += 1
        if on_turn is not None:
            on_turn(finished)

    with _client(base_url, time_scale) as client:
        ward = _Ward(client=client, seed=seed, time_scale=time_scale)
        try:
            async with asyncio.TaskGroup() as group:
                for turn in range(turns):
                    group.create_task(take(ward, turn))
        finally:
            await client.aio.aclose()
    failures = dict(sorted(ward.failures.items()))
    return WorkloadReport(turns=finished, failures=failures, wall_s=time.monotonic() - started_s)


def _client(base_url: str, time_scale: float) -> genai.Client:
    direct = {"trust_env": False}  # a proxy of the environment cannot reach our loopback
    return genai.Client(
        vertexai=False,
        api_key="emulated",
        http_options=types.HttpOptions(
            base_url=base_url,
            client_args=direct,
            async_client_args=direct,
            retry_options=types.HttpRetryOptions(
                attempts=4, initial_delay=0.05 * time_scale, max_delay=0.2 * time_scale, jitter=0.01 * time_scale
            ),
        ),
    )


def _marked(mark: Mark) -> types.HttpOptions:
    return types.HttpOptions(headers={STEP_HEADER: str(mark)})


@track_response_time("conversation_turn")
async def _conversation_turn(ward: _Ward, turn: int) -> None:
    steps = plan(turn)
    await _classify_intent(ward, ward.mark(turn, "classify", steps.classify))
    if steps.extract is not None:
        await _extract_fields(ward, ward.mark(turn, "extract", steps.extract))
    if steps.count is not None:
        await asyncio.to_thread(_count_context, ward, ward.mark(turn, "count", steps.count))
    if steps.scans is not None:
        scans = ward.mark(turn, "scans", steps.scans)
        await (asyncio.to_thread(_lookup_scans_sync, ward, scans) if steps.in_thread else _lookup_scans(ward, scans))
    if steps.embed is not None:
        note = ward.mark(turn, "embed", steps.embed)
        await (asyncio.to_thread(_embed_note_sync, ward, note) if steps.in_thread else _embed_note(ward, note))
    await _hear_answer(ward, ward.mark(turn, "answer", steps.answer))
    if steps.summarise is not None:
        await asyncio.to_thread(_summarise_wound, ward, ward.mark(turn, "summarise", steps.summarise))
    if steps.save_fails:
        with ward.failing("save_record", RecordStoreError):
            _save_record(up=False)
    else:
        _save_record(up=True)


async def _hear_answer(ward: _Ward, mark: Mark) -> None:
    if mark.case is Case.CLOSED_EARLY:
        await asyncio.to_thread(_hear_beginning, ward, mark)
    elif mark.case in FAILING_CASES:
        # A broken connection raises an error of whichever HTTP library the client uses.
        with ward.failing("answer_patient", errors.APIError if mark.case is Case.FAILING else Exception):
            await _hear_all(ward, mark)
    else:
        await _hear_all(ward, mark)


async def _hear_all(ward: _Ward, mark: Mark) -> None:
    async for _ in _answer_patient(ward, mark):
        pass


def _hear_beginning(ward: _Ward, mark: Mark) -> None:
    # Not with the async client: it leaves the rest of a closed stream to the garbage collector, which may warn.
    with closing(_answer_patient_sync(ward, mark)) as texts:
        for _ in itertools.islice(texts, _READ_BEFORE_CLOSING):
            pass


@track_response_time("classify_intent")
async def _classify_intent(ward: _Ward, mark: Mark) -> None:
    patient = ward.patient(mark.turn)
    await ward.client.aio.models.generate_content(
        model=mark.model,
        contents=f"What does the nurse want? 'Update {patient.name}, {patient.nric}, please.'",
        config=types.GenerateContentConfig(
            response_mime_type=_JSON, response_schema=_INTENT, http_options=_marked(mark)
        ),
    )


@track_response_time("extract_fields")
async def _extract_fields(ward: _Ward, mark: Mark) -> None:
    patient = ward.patient(mark.turn)
    await ward.client.aio.models.generate_content(
        model=mark.model,
        contents=f"Read the fields from: {patient.name} {patient.nric}, {patient.wound}",
        config=types.GenerateContentConfig(
            response_mime_type=_JSON, response_schema=_FIELDS, http_options=_marked(mark)
        ),
    )


def _question(ward: _Ward, mark: Mark) -> str:
    patient = ward.patient(mark.turn)
    return f"How is the {patient.wound} of {patient.name} ({patient.nric}) doing?"


@track_response_time("answer_patient")
async def _answer_patient(ward: _Ward, mark: Mark) -> AsyncGenerator[str, None]:
    cache = "cachedContents/guidelines" if mark.case is Case.CACHED else None
    chunks = await ward.client.aio.models.generate_content_stream(
        model=mark.model,
        contents=_question(ward, mark),
        config=types.GenerateContentConfig(cached_content=cache, http_options=_marked(mark)),
    )
    async for chunk in chunks:
        yield chunk.text or ""


@track_response_time("answer_patient")
def _answer_patient_sync(ward: _Ward, mark: Mark) -> Generator[str, None, None]:
    chunks = ward.client.models.generate_content_stream(
        model=mark.model,
        contents=_question(ward, mark),
        config=types.GenerateContentConfig(http_options=_marked(mark)),
    )
    for chunk in chunks:
        yield chunk.text or ""


def find_scans(bed: int) -> list[str]:
    """Find the wound scans of the patient in a bed."""
    return [f"scan-{bed}-1", f"scan-{bed}-2"]


def measure_depth(bed: int) -> str:
    """Measure the depth of the wound on the newest scan of the patient in a bed."""
    return f"{bed % 7 + 1} mm"


def _scan_chat(mark: Mark) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(tools=[find_scans, measure_depth], http_options=_marked(mark))


@track_response_time("lookup_scans")
async def _lookup_scans(ward: _Ward, mark: Mark) -> None:
    chat = ward.client.aio.chats.create(model=mark.model, config=_scan_chat(mark))
    await chat.send_message(f"Show me the scans of {ward.patient(mark.turn).name}.")


@track_response_time("lookup_scans")
def _lookup_scans_sync(ward: _Ward, mark: Mark) -> None:
    chat = ward.client.chats.create(model=mark.model, config=_scan_chat(mark))
    chat.send_message(f"How deep is the wound of {ward.patient(mark.turn).name}?")


@track_response_time("embed_note")
async def _embed_note(ward: _Ward, mark: Mark) -> None:
    # Any: the SDK's type for it names other types if Pillow is installed.
    notes: list[Any] = [ward.patient(mark.turn).wound, ward.patient(mark.turn).name]
    await ward.client.aio.models.embed_content(
        model=mark.model,
        contents=notes,
        config=types.EmbedContentConfig(http_options=_marked(mark)),
    )


@track_response_time("embed_note")
def _embed_note_sync(ward: _Ward, mark: Mark) -> None:
    ward.client.models.embed_content(
        model=mark.model,
        contents=ward.patient(mark.turn).wound,
        config=types.EmbedContentConfig(http_options=_marked(mark)),
    )


@track_response_time("count_context")
def _count_context(ward: _Ward, mark: Mark) -> None:
    ward.client.models.count_tokens(
        model=mark.model,
        contents=f"The whole conversation with {ward.patient(mark.turn).name}",
        config=types.CountTokensConfig(http_options=_marked(mark)),
    )


@track_response_time("summarise_wound")
def _summarise_wound(ward: _Ward, mark: Mark) -> None:
    patient = ward.patient(mark.turn)
    contents = f"Summarise the history of the {patient.wound} of {patient.name}."
    config = types.GenerateContentConfig(http_options=_marked(mark))
    if mark.case is not Case.THINKING:
        ward.client.models.generate_content(model=mark.model, contents=contents, config=config)
    else:
        for _ in ward.client.models.generate_content_stream(model=mark.model, contents=contents, config=config):
            pass


@track_response_time("save_record")
def _save_record(*, up: bool) -> None:
    if not up:
        raise RecordStoreError("the record store is unavailable")
