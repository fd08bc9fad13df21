"""Uses of the public API, for mypy --strict: right ones, and wrong ones whose error is expected."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import hydrochat_otel
from hydrochat_otel import Pipeline, Settings, track_response_time
from hydrochat_otel.alerting import on_alert
from hydrochat_otel.enums import Intent
from hydrochat_otel.gemini_client_v2 import GeminiClientV2, calculate_cost
from hydrochat_otel.metrics_store import MetricsStore, get_global_metrics_store
from hydrochat_otel.server import Server
from hydrochat_otel.testing import GeminiEmulator, Measured, Usage, answer

assert_type(hydrochat_otel.install(), Pipeline)
assert_type(hydrochat_otel.install(max_entries=200, state="memory", serve="never"), Pipeline)
assert_type(hydrochat_otel.install(Settings.load()), Pipeline)
hydrochat_otel.install(max_entires=200)  # type: ignore[call-arg]
hydrochat_otel.install(max_entries="many")  # type: ignore[arg-type]
hydrochat_otel.install(serve="sometimes")  # type: ignore[arg-type]


@track_response_time("turn", threshold_seconds=0.5)
def turn(message: str, times: int = 1) -> str:
    """Return the message."""
    return message * times


@track_response_time("turn")
async def turn_later(message: str) -> str:
    """Return the message."""
    return message


@track_response_time("stream")
def stream(message: str) -> Iterator[str]:
    """Yield the message."""
    yield message


@track_response_time("stream")
async def stream_later(message: str) -> AsyncIterator[str]:
    """Yield the message."""
    yield message


assert_type(turn("a", times=2), str)
assert_type(stream("a"), Iterator[str])
turn(5)  # type: ignore[arg-type]


async def use() -> None:
    """Await and iterate tracked work."""
    assert_type(await turn_later("a"), str)
    async for text in stream_later("a"):
        assert_type(text, str)


with track_response_time("block"):
    assert_type(get_global_metrics_store(), MetricsStore)

assert_type(calculate_cost(1, 2), float | None)
assert_type(GeminiClientV2(api_key="any"), GeminiClientV2)
assert_type(Server("127.0.0.1", 0).url, str)
on_alert(lambda change: print(change.alert.message))
on_alert(lambda: None)  # type: ignore[arg-type, misc]
assert Intent.UNKNOWN

with GeminiEmulator() as emulator:
    emulator.script(answer("dry", usage=Usage(prompt=1)))
    emulator.script("dry")  # type: ignore[arg-type]
    assert_type(Measured(hydrochat_otel.current()).differences(emulator.ledger), list[str])
