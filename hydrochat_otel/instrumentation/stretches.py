"""Runs work in steps: its span is current in each step of a generator or coroutine and never in between.

Nothing stays attached while the work is suspended, so a suspended generator or coroutine that is dropped or collected
has no context to restore. So no finaliser here changes the context.
"""

import types
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.context import Context

from hydrochat_otel.instrumentation import contexts
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.instrumentation.tracked import attach
from hydrochat_otel.runtime import collection, failures

_STEPPED: Final = (types.CoroutineType, types.GeneratorType)


class Stretches:
    """The context for the next step of the work: what the previous step left current.

    Attributes:
        inside: None if the operation could not begin: the work runs as it would without us.
    """

    __slots__ = ("inside",)

    def __init__(self, operation: Operation | None) -> None:
        self.inside: Context | None = None if operation is None else operation.context


@types.coroutine
def run(
    stretches: Stretches | None, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Generator[Any, Any, Any]:
    """Call the function and run the generator or awaitable that it returns to its end, step by step.

    Usable by ``await`` and by ``yield from``. Values sent, thrown, yielded, raised and returned pass unchanged.
    """
    running = steps_of(_within(stretches, function, *args, **kwargs))
    step = send = getattr(running, "send", None) or _sender(running)
    argument: Any = None
    try:
        while True:
            item = _within(stretches, step, argument)
            try:
                argument = yield item
                step = send
            except GeneratorExit:
                # May be a finaliser: the work closes in the current context, which stays unchanged.
                if (close := getattr(running, "close", None)) is not None:
                    close()
                raise
            except BaseException as thrown:
                if not hasattr(running, "throw"):
                    raise
                step, argument = running.throw, thrown
    except StopIteration as stop:
        return stop.value


def _within(stretches: Stretches | None, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run one step of the work in its context, and restore the context that was current before."""
    before = contexts.get_current()
    try:
        return _do(stretches, before, step, args, kwargs)
    finally:
        if contexts.get_current() is not before:  # the host raised at one of our lines
            attach(before)


def _do(
    stretches: Stretches | None,
    before: Context,
    step: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    is_collecting = True
    try:
        is_collecting = collection.is_running()  # it ends within the step, or after it
        if stretches is not None and stretches.inside is not None and not is_collecting:
            contexts.attach(stretches.inside)
    except BaseException as failure:
        failures.note("performance.enter", failure)
    try:
        return step(*args, **kwargs)
    finally:
        try:
            if stretches is not None and (inside := contexts.get_current()) is not before:
                stretches.inside = inside
                if not is_collecting:
                    contexts.attach(before)
        except BaseException as failure:
            failures.note("performance.leave", failure)


def steps_of(work: Any) -> Any:
    """Return the object to step: a generator or coroutine itself, or the iterator of an awaitable."""
    if isinstance(work, _STEPPED):
        return work
    await_ = getattr(type(work), "__await__", None)
    if await_ is not None:
        return await_(work)
    if hasattr(work, "send"):  # a generator of another kind, such as one that Cython compiled
        return work
    raise TypeError(f"object {type(work).__name__} can't be used in 'await' expression")


def _sender(iterator: Any) -> Callable[[Any], Any]:
    """Return a `send` for an iterator without one, as in ``yield from``: only None can be sent."""

    def send(value: Any) -> Any:
        return next(iterator) if value is None else iterator.send(value)

    return send
