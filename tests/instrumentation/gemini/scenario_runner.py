"""Runs a scenario with the real client over the emulator, and returns what its caller saw.

It depends on no instrumentation, so that the same scenarios run with ours, with another's and with none.
"""

import asyncio
import gc
import importlib
import inspect
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types

from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.testing.ledger import CALL_KINDS, LedgerLine
from hydrochat_otel.testing.replies import Reply

SDK_VERSION = tuple(int(part) for part in genai.__version__.split(".")[:2])
FLASH = "gemini-2.5-flash"
_NOT_SCRIPTED = 501
_MAY_BE_CHARGED = {0, 200, 499}
"""Statuses of requests that the service processed; 0 and 499 are lost connections."""
# The installed SDK's HTTP library: httpx2 since version 3, httpx before.
httpx = importlib.import_module("httpx2" if SDK_VERSION >= (3, 0) else "httpx")
_DIRECT = {"trust_env": False}
_RETRIES = types.HttpRetryOptions(attempts=4, initial_delay=0.01, max_delay=0.02, jitter=0)


@dataclass(frozen=True)
class Expected:
    """The expected numbers of a scenario; `tokens` are the five buckets, `calls` those by outcome."""

    calls: dict[str, int]
    tokens: tuple[int, int, int, int, int]
    cost_usd: float
    unpriced_tokens: int
    unreconciled_calls: int
    attempts: int
    retries: int
    incomplete_calls: int
    charged_usd: float
    saved_usd: float


@dataclass(frozen=True)
class Scenario:
    """The requests, the replies, and the differences between the caller's and the service's view.

    Attributes:
        name: Of the test.
        run: Makes the requests; plain or a coroutine function.
        replies: The emulator's replies, in order.
        vertex: Whether the client is one of Vertex AI.
        retry: Whether the client may repeat requests.
        differs: Fields of :class:`Expected` whose value differs from the ledger's, with the reason in `why`.
        since: First version of the SDK that supports it.
    """

    name: str
    run: Callable[[Any], Any]
    replies: tuple[Reply, ...]
    vertex: bool = False
    retry: bool = False
    differs: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    since: tuple[int, int] = (1, 41)


@dataclass(frozen=True)
class Seen:
    """What the caller of a scenario saw: results in order or the exception, and the requests on the wire."""

    result: Any
    error: str
    error_raised_in: str
    wire: tuple[Any, ...]


def open_client(
    emulator: GeminiEmulator,
    *,
    vertex: bool = False,
    retry: bool = False,
    step: str = "s",
    timeout_ms: int | None = None,
) -> genai.Client:
    """Return a client that uses the emulator only, and marks its requests for the ledger."""
    http_options = types.HttpOptions(
        base_url=emulator.base_url,
        headers={"x-demo-step": step},
        client_args=_DIRECT,
        async_client_args=_DIRECT,
        retry_options=_RETRIES if retry else None,
        timeout=timeout_ms,
    )
    if not vertex:
        return genai.Client(vertexai=False, api_key="emulated", http_options=http_options)
    credentials = AnonymousCredentials()
    credentials.token = "emulated"
    return genai.Client(
        vertexai=True, credentials=credentials, project="ward", location="asia-southeast1", http_options=http_options
    )


@contextmanager
def _silent(*names: str) -> Iterator[None]:
    """Let the loggers write nothing: a record that is kept would keep the frames of a stream."""
    levels = {name: logging.getLogger(name).level for name in names}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def run(scenario: Scenario, emulator: GeminiEmulator) -> Seen:
    """Run a scenario and return what its caller saw; waits until the ledger is complete."""
    with _silent("google_genai", "asyncio"):
        return _run(scenario, emulator)


def _run(scenario: Scenario, emulator: GeminiEmulator) -> Seen:
    emulator.script(*scenario.replies) if scenario.replies else None
    client = open_client(emulator, vertex=scenario.vertex, retry=scenario.retry, step=scenario.name)
    result, error, raised_in = None, "", ""
    try:
        if inspect.iscoroutinefunction(scenario.run):
            result = asyncio.run(scenario.run(client))
        else:
            result = scenario.run(client)
    except BaseException as caught:
        if isinstance(caught, AssertionError | KeyboardInterrupt):
            raise
        error = f"{type(caught).__module__}.{type(caught).__name__}: {caught}".replace(emulator.base_url, "")
        raised_in = traceback.extract_tb(caught.__traceback__)[-1].name
    gc.collect()  # a stream that its caller left may lie in a reference cycle with the exception of its end
    assert emulator.wait_until_idle(), "the emulator is still answering"
    assert emulator.unused_replies == 0, "the scenario did not ask for every reply"
    assert not any(line.status == _NOT_SCRIPTED for line in emulator.ledger.lines), "the scenario asked for too many"
    wire = tuple((request.http_method, request.path, request.query, request.body) for request in emulator.requests)
    return Seen(describe(result), error, raised_in, tuple(sorted(wire, key=repr)))


def describe(value: Any) -> Any:
    """Return a value of the SDK as plain data, types included, for comparing two runs."""
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if hasattr(value, "model_dump"):
        return type(value).__name__, value.model_dump(exclude={"sdk_http_response"}, mode="json")
    return value if isinstance(value, str | int | float | None) else type(value).__name__


def billed(scenario: Scenario, emulator: GeminiEmulator) -> Expected:
    """Return the numbers of the emulator's ledger, with the scenario's corrections."""
    totals = emulator.ledger.totals()
    calls = [call for call in emulator.ledger.calls() if call.last.kind not in {"count", "result"}]
    outcomes: dict[str, int] = {}
    for call in calls:
        outcomes[call.last.outcome] = outcomes.get(call.last.outcome, 0) + 1
    tokens = totals.tokens
    fields: dict[str, Any] = {
        "calls": outcomes,
        "tokens": (
            tokens.input_fresh,
            tokens.input_cached,
            tokens.input_tool,
            tokens.output_answer,
            tokens.output_thinking,
        ),
        "cost_usd": float(totals.cost_usd),
        "unpriced_tokens": sum(totals.unpriced_tokens.values()),
        "unreconciled_calls": totals.unreconciled_calls,
        "attempts": sum(len(call.attempts) for call in calls),
        "retries": sum(len(call.attempts) - 1 for call in calls),
        "incomplete_calls": sum(1 for call in calls if _is_incomplete(call.last)),
        "charged_usd": float(totals.charged_usd),
        "saved_usd": float(totals.saved_usd),
    }
    assert not scenario.differs or scenario.why, "a difference from the ledger needs its reason"
    return Expected(**(fields | scenario.differs))


def _is_incomplete(line: LedgerLine) -> bool:
    """Return whether the service may have processed a request whose caller did not receive the end."""
    states_all = line.method.startswith("interactions") and line.billed
    return (
        line.kind in CALL_KINDS
        and line.outcome in {"error", "cancelled"}
        and line.status in _MAY_BE_CHARGED
        and not states_all
    )


def usd(per_million: str, tokens: int) -> float:
    """Return the dollars for tokens at a price for a million."""
    return float(Decimal(per_million) * tokens / 1_000_000)


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once the condition holds."""
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.002)
