"""Guards a call in wrappers and streams: our failures do not reach the host, and the context is always left."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, Self

from opentelemetry.context import Context

from hydrochat_otel.instrumentation import contexts
from hydrochat_otel.instrumentation.gemini.call import CALL_KEY, Call, current_call
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.prices.charges import Charge
from hydrochat_otel.runtime.failures import contained, note


class Manager(Protocol):
    """A context manager of ours that suppresses no exception."""

    def __enter__(self) -> None:
        """Enter it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Leave it."""


class Follower(Protocol):
    """Takes what a reply states as it passes, in every form of a reply; no method raises anything of ours."""

    @property
    def inside(self) -> Context | None:
        """The context of each step of a stream; None for one that is current nowhere, or has ended."""

    @property
    def is_read(self) -> Callable[[Any], bool] | None:
        """Reads a chunk that is like the one before, and may raise; see :class:`Call`."""

    def around(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function with the call current, and return what it returns."""

    def around_async(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Awaitable[Any]:
        """Do the same for a coroutine function."""

    def complete(self, reply: Any) -> None:
        """Read the whole reply."""

    def take(self, reply: Any) -> None:
        """Read the facts of a reply."""

    def take_chunk(self, chunk: Any) -> None:
        """Read a chunk of a stream."""

    def step_async(self, step: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        """Run one step of an asynchronous stream with the call current, read the chunk, and return it."""

    def succeed(self) -> None:
        """Note that the reply is complete."""

    def fail(self, error: BaseException) -> None:
        """Note what the SDK raised."""

    def end_with(self, error: BaseException) -> None:
        """Note what a step of a stream raised: an exhausted one is complete."""

    def abandon(self) -> None:
        """Note that the caller left."""

    def drop(self) -> None:
        """Note in a finaliser that nothing references the reply."""


class Dropping:
    """Drops its call when nothing references it any more; it has none if its construction was interrupted."""

    call: Follower | None = None

    def __del__(self) -> None:
        if (call := self.call) is not None:
            call.drop()


class Held(Dropping):
    """Holds the call of a connection, and ends it when nothing references the connection any more."""

    call: "GuardedCall"

    def __init__(self, call: "GuardedCall") -> None:
        self.call = call


class Guarded:
    """Wraps a context manager of ours in a ``with`` statement so that it cannot harm the host.

    Args:
        manager: The context manager.
        component: Its name in ``hydrochat.telemetry.errors``.
    """

    __slots__ = ("_before", "_component", "_inside", "_manager")

    def __init__(self, manager: Manager, component: str) -> None:
        self._manager = manager
        self._component = component
        self._before: Context | None = None
        self._inside: Context | None = None

    def __enter__(self) -> Self:
        """Enter it."""
        before = self._before = contexts.get_current()
        self._inside = None
        try:
            contained(self._component, self._manager.__enter__)
            self._inside = contexts.get_current()
        except BaseException:  # the host raised at one of our lines: __exit__ will not run
            contexts.attach(before)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the context that was current before, and leave it."""
        before, inside = self._before, self._inside
        try:
            if before is not None and inside is not None:
                contained(self._component, contexts.leave, inside, before)
            contained(self._component, self._manager.__exit__, kind, error, traceback)
        finally:
            if before is not None and contexts.get_current() is inside:
                contexts.attach(before)

    def around(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a function inside of it, and return what it returns; the context is left in any case."""
        before = contexts.get_current()
        try:
            with self:
                return function(*arguments, **named)
        finally:  # a signal handler may raise before the first line of `__exit__`
            if contexts.get_current() is not before:
                contexts.attach(before)

    async def around_async(self, function: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        """Do the same for a coroutine function."""
        before = contexts.get_current()
        try:
            with self:
                return await function(*arguments, **named)
        finally:
            if contexts.get_current() is self._inside:
                contexts.attach(before)


class GuardedCall(Guarded):
    """The same for a call and its reply; the methods are those of :class:`Call`."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._manager = self._call = call
        self._component = "google_genai.call"
        self._before = self._inside = None

    @property
    def attempts(self) -> Guarded:
        """A context manager around one HTTP request."""
        return Guarded(self._call.attempts, "google_genai.attempt")

    @property
    def inside(self) -> Context | None:
        """The context in which the call is current; None once it has ended."""
        return self._call.inside

    @property
    def is_read(self) -> Callable[[Any], bool] | None:
        """Reads a chunk that is like the one before; may raise."""
        return self._call.is_read

    async def step_async(self, step: Callable[[], Awaitable[Any]]) -> Any:
        """Run one step of an asynchronous stream with the call current, read the chunk, and return it."""
        before, call = contexts.get_current(), self._call
        try:
            try:
                if (inside := call.inside) is not None:
                    contexts.attach(inside)
                chunk = await step()
                contexts.attach(before)
            except BaseException:
                restore(call, before)
                raise
        except BaseException as error:
            leave_async(call, before, error)
            raise
        try:
            if (is_read := call.is_read) is None or not is_read(chunk):
                self.take_chunk(chunk)
        except BaseException as failure:
            call.is_read = None
            note("google_genai.reply", failure)
        return chunk

    def connect(self) -> None:
        """Note that a connection is made."""
        contained("google_genai.attempt", self._call.attempts.connect)

    def answer_status(self, response: Any) -> None:
        """Note the status of a response that raises nothing, whatever its status."""

        def note() -> None:
            self._call.attempts.status = response.status_code

        contained("google_genai.attempt", note)

    def complete(self, reply: Any) -> None:
        """Read the whole reply and end the call."""
        contained("google_genai.reply", self._call.complete, reply)

    def take(self, reply: Any) -> None:
        """Read the facts of a reply."""
        contained("google_genai.reply", self._call.take, reply)

    def take_chunk(self, chunk: Any) -> None:
        """Read a chunk of a stream."""
        contained("google_genai.reply", self._call.take_chunk, chunk)

    def close_turn(self) -> None:
        """End one turn of a live session."""
        contained("google_genai.reply", self._call.close_turn)

    def charge(self, charge: Charge, units: float) -> None:
        """Note units that are charged in addition to the tokens."""
        contained("google_genai.reply", self._call.charge, charge, units)

    def succeed(self) -> None:
        """End the call: the reply is complete."""
        contained("google_genai.finish", self._call.succeed)

    def fail(self, error: BaseException) -> None:
        """End the call with what the SDK raised."""
        contained("google_genai.finish", self._call.fail, error)

    def end_with(self, error: BaseException) -> None:
        """End the call with what a step of its stream raised: an exhausted one is complete."""
        contained("google_genai.call", self._call.end_with, error)

    def abandon(self) -> None:
        """End the call of a caller that left."""
        contained("google_genai.finish", self._call.abandon)

    def drop(self) -> None:
        """End the call of a stream that is no longer referenced, in a finaliser."""
        contained("google_genai.finish", self._call.drop)


def guarded(call: Call | None) -> GuardedCall | None:
    """Return the guarded call; None for None."""
    return None if call is None else GuardedCall(call)


def inside(current: Callable[[], Calls | None]) -> GuardedCall | None:
    """Return the call that an HTTP request belongs to, or None for one that is not counted."""
    return None if current() is None else guarded(current_call())


def begin(
    current: Callable[[], Calls | None], operation: str, owner: Any, arguments: dict[str, Any], *, stream: bool = False
) -> Call | None:
    """Begin the call of a function of the SDK; None if nothing is counted or the telemetry failed."""
    try:
        counting = current()
        if counting is None:
            return None
        client = getattr(owner, "_api_client", None)
        return counting.begin(operation, arguments.get("model"), client, arguments.get("config"), stream=stream)
    except BaseException as error:
        note("google_genai.begin", error)
        return None


def begin_stream(
    current: Callable[[], Calls | None], operation: str, owner: Any, arguments: dict[str, Any]
) -> GuardedCall | None:
    """Begin the call of a function whose reply is streamed; as :func:`begin`."""
    return guarded(begin(current, operation, owner, arguments, stream=True))


def leave(call: Call, before: Context, error: BaseException) -> None:
    """End a call with an exception, and restore the context if a signal handler raised while that was done."""
    contexts.attach(before)
    contained("google_genai.call", call.end_with, error)


def restore(call: Call, before: Context) -> None:
    """Restore the context, unless a coroutine is closed where another one than the call's is current, which stays."""
    if contexts.get_current().get(CALL_KEY) is call:
        contexts.attach(before)


def leave_async(call: Call, before: Context, error: BaseException) -> None:
    """Do the same for a coroutine."""
    restore(call, before)
    contained("google_genai.call", call.end_with, error)


def begin_attempt(current: Callable[[], Calls | None]) -> Call | None:
    """Note that an HTTP request of the current call starts; None if it belongs to none that is counted."""
    try:
        call = current_call()
        if call is None or current() is None:
            return None
        call.attempts.__enter__()
    except BaseException as error:
        note("google_genai.attempt", error)
        return None
    return call


def end_attempt(call: Call, response: Any) -> None:
    """Note that the request was answered."""
    try:
        call.attempts.__exit__(None, None, None)
        call.take_response(response)
    except BaseException as failure:
        note("google_genai.attempt", failure)


def fail_attempt(call: Call, error: BaseException) -> None:
    """Note what the request raised."""
    contained("google_genai.attempt", call.attempts.__exit__, type(error), error, None)
