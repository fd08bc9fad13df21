"""Interactions that go on after their request: a later look-up states their usage, which counts once.

A look-up comes in every form: parsed, as events, as a raw response, as a raw stream. Each passes through the same
functions as a call, see :func:`raw_replies.follow`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from hydrochat_otel.instrumentation.gemini.call import Call
from hydrochat_otel.instrumentation.gemini.guarded_call import GuardedCall
from hydrochat_otel.instrumentation.gemini.late_usage import Begun
from hydrochat_otel.runtime.failures import contained

_COMPONENT: Final = "google_genai.late_usage"
_UNFINISHED: Final = frozenset({"in_progress", "queued", "requires_action", "idle"})
_FINISHED: Final = frozenset({"completed", "failed", "cancelled", "incomplete", "budget_exceeded"})


class _Stated(NamedTuple):
    """What a reply or an event states of an interaction.

    Attributes:
        whole: The interaction, or the event itself if it holds none.
        name: Its id; empty if the event names none.
        status: Its status.
        model: Its model; empty if none is named.
        has_usage: Whether its usage is stated.
        is_event: Whether an event of a stream states it.
    """

    whole: Any
    name: str
    status: str
    model: str
    has_usage: bool
    is_event: bool


def _stated(reply: Any) -> _Stated:
    inside = getattr(reply, "interaction", None)
    whole = reply if inside is None else inside
    name = getattr(whole, "id", None) or getattr(whole, "interaction_id", None)
    return _Stated(
        whole,
        name if isinstance(name, str) else "",
        str(getattr(whole, "status", None) or ""),
        str(getattr(whole, "model", None) or ""),
        getattr(whole, "usage", None) is not None,
        getattr(reply, "event_type", None) is not None,
    )


class CreatingCall(GuardedCall):
    """The call that creates an interaction: remembers the interaction if its usage is still to come.

    Args:
        call: The call.
        waiting: Models of the interactions whose usage is still to come, by id.
        model: As the caller named it.
        in_background: Whether the interaction goes on if its caller leaves the stream.
    """

    __slots__ = ("_in_background", "_model", "_waiting")

    def __init__(self, call: Call, waiting: Begun[str], model: str, *, in_background: bool) -> None:
        super().__init__(call)
        self._waiting = waiting
        self._model = model
        self._in_background = in_background

    def complete(self, reply: Any) -> None:
        """Read the whole reply and end the call."""
        super().complete(reply)
        contained(_COMPONENT, self._remember, reply)

    def take(self, reply: Any) -> None:
        """Read the facts of a reply."""
        super().take(reply)
        contained(_COMPONENT, self._remember, reply)

    def take_chunk(self, chunk: Any) -> None:
        """Read an event."""
        super().take_chunk(chunk)
        contained(_COMPONENT, self._remember, chunk)

    def _remember(self, reply: Any) -> None:
        stated = _stated(reply)
        if not stated.name:
            return
        if stated.has_usage:
            self._waiting.take(stated.name)
        elif stated.status in _UNFINISHED and (self._in_background or not stated.is_event):
            self._waiting.put(stated.name, stated.model or self._model)


class LookUp:
    """Watches the reply of a look-up, which is no call: the first one that states the usage is a result.

    Args:
        begin: Begins the record of a result, for a model.
        waiting: Models of the interactions whose usage is still to come, by id.
    """

    __slots__ = ("_begin", "_waiting")
    inside = is_read = None

    def __init__(self, begin: Callable[[str], GuardedCall | None], waiting: Begun[str]) -> None:
        self._begin = begin
        self._waiting = waiting

    def around(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function: a look-up is current nowhere."""
        return function(*arguments)

    def around_async(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Awaitable[Any]:
        """Do the same for a coroutine function."""
        return function(*arguments)

    def complete(self, reply: Any) -> None:
        """Look at the whole reply."""
        contained(_COMPONENT, self._look, reply)

    take = complete
    take_chunk = complete

    async def step_async(self, step: Callable[[], Awaitable[Any]]) -> Any:
        """Run one step of an asynchronous stream, look at the returned event, and return it."""
        event = await step()
        contained(_COMPONENT, self._look, event)
        return event

    def succeed(self) -> None:
        """Do nothing: an interaction whose usage was not stated still waits for it."""

    abandon = succeed
    drop = succeed

    def fail(self, error: BaseException) -> None:
        """Do nothing either."""

    end_with = fail

    def _look(self, reply: Any) -> None:
        stated = _stated(reply)
        if not stated.name:
            return
        if stated.status in _UNFINISHED:
            if not stated.is_event:  # a stream repeats the first events of an interaction that was counted
                self._waiting.put(stated.name, stated.model)
        elif stated.status in _FINISHED and (stated.has_usage or not stated.is_event):
            model = self._waiting.take(stated.name)
            call = None if model is None else self._begin(model)
            if call is not None:
                call.complete(stated.whole)
