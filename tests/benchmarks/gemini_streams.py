"""Streams of the SDK, as far as an instrumentation sees them: what the SDK itself does is not in the time, or is gone.

The SDK takes some 250 µs to parse a chunk. From one process or second to the next this varies by more than an
instrumentation adds. So in all ways alike, before anything wraps them, the two private functions that every stream
passes through are replaced by ones that stop a clock while the SDK works: the generator, and the function that sends
the request. If a way makes the SDK itself slower, this is not seen.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest.mock import patch

from google.genai import Client, models
from google.genai._api_client import BaseApiClient

READY: Final = "A question whose answer is ready"
"""Contents whose answer consists of chunks that were parsed before."""
_LONGEST_NS: Final = 1_000_000
"""No way needs as long at a time: meanwhile, the processor worked for another process."""


class Production:
    """Makes the chunks of all streams from now on, and times what is done around the SDK's own work.

    Args:
        copies: How often a ready answer repeats the chunks that it is made of, each time as objects of their own.
    """

    def __init__(self, copies: int) -> None:
        self._copies = copies
        self._ready: list[Any] = []
        self._path_ns = 0
        self._since_ns = 0
        _replace(models.Models, "_generate_content_stream", self._producing)
        _replace(BaseApiClient, "_request_once", self._requesting)

    def attend(self, client: Client) -> None:
        """Start the clock for what is wrapped around the requests of a client; it has no other retries."""

        def request(function: Callable[..., Any], *arguments: Any) -> Any:
            self._start()
            try:
                return function(*arguments)
            finally:
                self._stop()

        client._api_client._retry = request

    def keep(self, chunks: list[Any]) -> None:
        """Make a ready answer of these chunks."""
        self._ready = [chunk.model_copy(deep=True) for _ in range(self._copies) for chunk in chunks]

    def timed(self, stream: Callable[[], object]) -> None:
        """Consume a stream; :meth:`path_s` returns what it took."""
        self._start()
        stream()
        self._stop()

    def path_s(self) -> float:
        """Return the seconds that the clock ran since the last time."""
        path_ns, self._path_ns = self._path_ns, 0
        return path_ns / 1e9

    def _start(self) -> None:
        self._since_ns = time.perf_counter_ns()  # a clock of processor time is a system call: it slows what follows

    def _stop(self) -> None:
        taken_ns = time.perf_counter_ns() - self._since_ns
        if taken_ns < _LONGEST_NS:
            self._path_ns += taken_ns

    def _producing(self, original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(original)
        def produced(models: Any, **asked: Any) -> Iterator[Any]:
            self._stop()
            chunks = original(models, **asked)
            chunk = next(chunks, None)
            if asked["contents"] == READY:
                yield from self._ready
                return
            while chunk is not None:
                self._start()
                yield chunk
                self._stop()
                chunk = next(chunks, None)
            self._start()

        return produced

    def _requesting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def requested(client: Any, *args: Any, **kwargs: Any) -> Any:
            self._stop()
            try:
                return original(client, *args, **kwargs)
            finally:
                self._start()

        return requested


def _replace(owner: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    patch.object(owner, name, make(getattr(owner, name))).start()
