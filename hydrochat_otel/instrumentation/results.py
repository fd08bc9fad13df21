"""Results that are unfinished work: a coroutine, generator, other awaitable or context manager of a generator.

The operation continues until the result is awaited, iterated or left. The time between the return of the call and
the first step does not count. A result that is never run ends its operation as cancelled when it is freed.
"""

import asyncio
import contextlib
import functools
import time
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from hydrochat_otel.instrumentation import awaitables, generators, tracked
from hydrochat_otel.instrumentation.classes import has_method
from hydrochat_otel.instrumentation.generators import Begin, Function
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.runtime import failures

_WRAPPERS: Final[dict[type, Callable[[Function, Begin], Function]]] = {
    types.CoroutineType: generators.coroutine_function,
    types.GeneratorType: generators.generator_function,
    types.AsyncGeneratorType: generators.async_generator_function,
}


@contextlib.contextmanager
def _entered() -> Iterator[None]:
    yield


@contextlib.asynccontextmanager
async def _entered_async() -> AsyncIterator[None]:
    yield


_CONTEXT_MANAGERS: Final = frozenset({type(_entered()), type(_entered_async())})
"""What a function below `contextlib.contextmanager` or `asynccontextmanager` returns; `gen` is its generator."""


class _Waiting:
    """An operation whose work was returned and has not begun its first step."""

    __slots__ = ("_operation", "_returned_ns")

    def __init__(self, operation: Operation) -> None:
        self._operation: Operation | None = operation
        self._returned_ns = time.perf_counter_ns()

    def go_on(self) -> Operation | None:
        """Return the operation to the first caller, without the time that it waited."""
        operation, self._operation = self._operation, None
        if operation is not None:
            operation.skip(time.perf_counter_ns() - self._returned_ns)
        return operation

    def __del__(self) -> None:
        try:
            if (operation := getattr(self, "_operation", None)) is not None:
                operation.drop()
        except BaseException as failure:
            failures.note("performance.end", failure, quiet=True)


def is_unfinished(kind: type) -> bool:
    """Return whether results of the type may be unfinished work."""
    return kind in _WRAPPERS or kind in _CONTEXT_MANAGERS or has_method(kind, "__await__")


def continued(result: Any, operation: Operation | None) -> Any:
    """Return a replacement of the result that ends the operation with it; None for a complete result.

    The type of a coroutine, generator or async generator stays. A future, task or context manager stays the same
    object. Any other awaitable becomes a transparent proxy.
    """
    kind = type(result)
    wrap = _WRAPPERS.get(kind)
    if wrap is None:
        if kind in _CONTEXT_MANAGERS:
            return _left_later(result, operation)
        if not has_method(kind, "__await__") or operation is None:
            return None
        if asyncio.isfuture(result):
            result.add_done_callback(functools.partial(_end_with_future, operation))
            return result
        return awaitables.standing_for(result, _Waiting(operation).go_on)
    if operation is None:
        return None
    return _same_kind(wrap, result, _Waiting(operation).go_on)


def _left_later(manager: Any, operation: Operation | None) -> Any:
    """Make the context manager end the operation when its block ends, and return it."""
    generator = getattr(manager, "gen", None)
    wrap = _WRAPPERS.get(type(generator))
    if operation is None or wrap is None:
        return None
    manager.gen = _same_kind(wrap, generator, _Waiting(operation).go_on)
    return manager


def lazily(target: Function, begin: Begin, /, *args: Any, **kwargs: Any) -> Any:
    """Call a target that returns work of a known kind, and begin the operation with the first step of the work."""
    result = target(*args, **kwargs)
    try:
        if type(result) in _WRAPPERS:
            return _same_kind(_WRAPPERS[type(result)], result, begin)
    except BaseException as failure:
        failures.note("performance.result", failure)
    return result


def _same_kind(wrap: Callable[[Function, Begin], Function], result: Any, begin: Begin) -> Any:
    work = wrap(lambda: result, begin)
    if type(result) is types.GeneratorType and result.gi_code.co_flags & 0x100:
        work = types.coroutine(work)
    standing = work()
    standing.__name__, standing.__qualname__ = result.__name__, result.__qualname__
    return standing


def _end_with_future(operation: Operation, future: Any) -> None:
    """End the operation of a future that is done; its exception stays unretrieved, as the host may not have read it."""
    try:
        if future.cancelled():
            tracked.end(operation, None, "cancelled")
        else:
            tracked.end(operation, getattr(future, "_exception", None))
    except BaseException as failure:
        failures.note("performance.end", failure)
