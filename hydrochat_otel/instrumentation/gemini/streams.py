"""Watches streams of the SDK: finished once, on end, error, close or drop; current only while a chunk is fetched."""

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from types import TracebackType
from typing import Any

from hydrochat_otel.instrumentation import contexts
from hydrochat_otel.instrumentation.gemini.guarded_call import Dropping, Follower
from hydrochat_otel.runtime.failures import contained, note


class WatchedStream(Generator[Any, Any, Any]):
    """A generator of the SDK and the call that it belongs to.

    As lazy as the original: the call begins when the first chunk is requested, as the SDK then sends the request.

    Args:
        chunks: The SDK's generator.
        begin: Begins the call; if it returns None the stream passes unwatched.
        call: What `begin` returns, if the call has begun already.
    """

    # A chunk passes one generator of ours and nothing else: a function around it would cost as much as reading it.
    __slots__ = ("__next__", "__weakref__", "_chunks", "_dropping", "_steps")
    __next__: Callable[[], Any]

    def __init__(
        self,
        chunks: Generator[Any, Any, Any],
        begin: Callable[[], Follower | None],
        call: Follower | None = None,
    ) -> None:
        self._chunks = chunks
        self._dropping = dropping = Dropping()
        dropping.call = call
        self._steps = steps = self._steps_of(chunks, begin, dropping)
        self.__next__ = steps.__next__

    def send(self, value: Any) -> Any:
        """Pass a value to the SDK's generator."""
        return self._steps.send(value)

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        """Raise in the SDK's generator."""
        return self._steps.throw(_thrown(typ, val, tb))

    def close(self) -> None:
        """Close the SDK's generator; a stream that is not finished is cancelled."""
        self._steps.close()
        call = self._dropping.call
        try:
            self._chunks.close()
        except BaseException as error:
            if call is not None:
                call.fail(error)
            raise
        if call is not None:
            call.abandon()

    @staticmethod
    def _steps_of(
        chunks: Generator[Any, Any, Any], begin: Callable[[], Follower | None], dropping: Dropping
    ) -> Generator[Any, Any, Any]:
        """Yield the chunks, each fetched with the call current, and read; the call ends with them."""
        call = dropping.call = contained("google_genai.begin", begin)
        if call is None:
            return (yield from chunks)
        get_current, attach, inside = contexts.get_current, contexts.attach, call.inside
        following = fetch = chunks.__next__
        is_read: Callable[[Any], bool] | None = None
        while True:
            before = get_current()
            try:
                try:
                    attach(before if inside is None else inside)
                    chunk = fetch()
                finally:
                    attach(before)
            except BaseException as error:
                attach(before)  # a signal handler may have raised before it was
                fetch = following  # it may hold the exception, whose traceback holds this frame
                call.end_with(error)
                if isinstance(error, StopIteration):
                    return error.value
                raise
            try:
                if is_read is None or not is_read(chunk):
                    call.take_chunk(chunk)
                    is_read = call.is_read
            except BaseException as failure:
                is_read = None
                note("google_genai.reply", failure)
            try:
                sent = yield chunk
            except GeneratorExit:
                raise
            except BaseException as thrown:
                fetch = partial(chunks.throw, thrown)
            else:
                fetch = following if sent is None else partial(chunks.send, sent)
            chunk = None  # it is the host's


class WatchedAsyncStream(Dropping, AsyncGenerator[Any, Any]):
    """The same for an asynchronous generator; its request was sent before the first chunk is requested."""

    call: Follower

    def __init__(self, chunks: AsyncGenerator[Any, Any], call: Follower) -> None:
        self._chunks = chunks
        self._next = chunks.__anext__
        self.call = call

    def __anext__(self) -> Any:
        return self.call.step_async(self._next)

    def asend(self, value: Any) -> Any:
        """Pass a value to the SDK's generator."""
        return self.call.step_async(partial(self._chunks.asend, value))

    def athrow(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        """Raise in the SDK's generator."""
        return self.call.step_async(partial(self._chunks.athrow, _thrown(typ, val, tb)))

    async def aclose(self) -> None:
        """Close the SDK's generator; a stream that is not finished is cancelled."""
        try:
            await self._chunks.aclose()
        except BaseException as error:
            self.call.fail(error)
            raise
        self.call.abandon()


def _thrown(typ: Any, val: BaseException | object, tb: TracebackType | None) -> Any:
    """Return the exception of a generator's `throw`, in its one-argument and its older form."""
    return typ if val is None and tb is None else val if isinstance(val, BaseException) else typ(val)
