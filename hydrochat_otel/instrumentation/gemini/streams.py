"""Watches streams of the SDK: finished once, on end, error, close or drop; current only while a chunk is fetched."""

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from types import TracebackType
from typing import Any

from hydrochat_otel.instrumentation.gemini.guarded_call import Dropping, Follower
from hydrochat_otel.runtime.failures import contained


class WatchedStream(Dropping, Generator[Any, Any, Any]):
    """A generator of the SDK and the call that it belongs to.

    As lazy as the original: the call begins when the first chunk is requested, as the SDK then sends the request.

    Args:
        chunks: The SDK's generator.
        begin: Begins the call; if it returns None the stream passes unwatched.
    """

    def __init__(self, chunks: Generator[Any, Any, Any], begin: Callable[[], Follower | None]) -> None:
        self._chunks = chunks
        self._next = chunks.__next__
        self._begin: Callable[[], Follower | None] | None = begin
        self._call: Follower | None = None

    def __next__(self) -> Any:
        call = self._call
        if call is None:
            return self._step(self._next)
        return call.step(self._next)

    def send(self, value: Any) -> Any:
        """Pass a value to the SDK's generator."""
        return self._step(partial(self._chunks.send, value))

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        """Raise in the SDK's generator."""
        return self._step(partial(self._chunks.throw, _thrown(typ, val, tb)))

    def close(self) -> None:
        """Close the SDK's generator; a stream that is not finished is cancelled."""
        self._begin = None
        call = self._call
        try:
            self._chunks.close()
        except BaseException as error:
            if call is not None:
                call.fail(error)
            raise
        if call is not None:
            call.abandon()

    def _step(self, step: Callable[[], Any]) -> Any:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._call = contained("google_genai.begin", begin)
        call = self._call
        if call is None:
            return step()
        return call.step(step)


class WatchedAsyncStream(Dropping, AsyncGenerator[Any, Any]):
    """The same for an asynchronous generator; its request was sent before the first chunk is requested."""

    _call: Follower

    def __init__(self, chunks: AsyncGenerator[Any, Any], call: Follower) -> None:
        self._chunks = chunks
        self._next = chunks.__anext__
        self._call = call

    def __anext__(self) -> Any:
        return self._call.step_async(self._next)

    def asend(self, value: Any) -> Any:
        """Pass a value to the SDK's generator."""
        return self._call.step_async(partial(self._chunks.asend, value))

    def athrow(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        """Raise in the SDK's generator."""
        return self._call.step_async(partial(self._chunks.athrow, _thrown(typ, val, tb)))

    async def aclose(self) -> None:
        """Close the SDK's generator; a stream that is not finished is cancelled."""
        try:
            await self._chunks.aclose()
        except BaseException as error:
            self._call.fail(error)
            raise
        self._call.abandon()


def _thrown(typ: Any, val: BaseException | object, tb: TracebackType | None) -> Any:
    """Return the exception of a generator's `throw`, in its one-argument and its older form."""
    return typ if val is None and tb is None else val if isinstance(val, BaseException) else typ(val)
