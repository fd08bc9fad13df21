"""Runs a coroutine, generator or async generator function in an operation, with one wrapper for each kind.

Each takes `begin`, which begins the operation at the first step, and ends the operation with the work, however it ends:
returned, raised, closed, or dropped. A failure of ours loses the measurement and never the work.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

from hydrochat_otel.instrumentation import stretches
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.instrumentation.stretches import Stretches
from hydrochat_otel.instrumentation.tracked import end
from hydrochat_otel.runtime.failures import contained

Function = Callable[..., Any]
Begin = Callable[[], Operation | None]

_NOT_BEGUN: Final = (None, None)


def _begun(begin: Begin) -> tuple[Operation | None, Stretches]:
    operation = begin()
    return operation, Stretches(operation)


def coroutine_function(function: Function, begin: Begin) -> Function:
    """Return a coroutine function that awaits what the function returns."""

    async def timed(*args: Any, **kwargs: Any) -> Any:
        error = None
        operation, inside = contained("performance.begin", _begun, begin) or _NOT_BEGUN
        try:
            return await stretches.run(inside, function, args, kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                contained("performance.end", end, operation, error)
            finally:
                error = None  # no cycle of exception, traceback and frame

    return timed


def generator_function(function: Function, begin: Begin) -> Function:
    """Return a generator function that runs the generator that the function returns."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        error = None
        operation, inside = contained("performance.begin", _begun, begin) or _NOT_BEGUN
        try:
            return (yield from stretches.run(inside, function, args, kwargs))
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                contained("performance.end", end, operation, error)
            finally:
                error = None

    return timed


def async_generator_function(function: Function, begin: Begin) -> Function:
    """Return an async generator function that runs the async generator that the function returns."""

    async def timed(*args: Any, **kwargs: Any) -> Any:
        error = None
        operation, inside = contained("performance.begin", _begun, begin) or _NOT_BEGUN
        try:
            generator = function(*args, **kwargs)
            # The loop closes each generator that its hooks saw begin: this one, which closes that one.
            hooks = sys.get_asyncgen_hooks()
            try:
                sys.set_asyncgen_hooks(firstiter=None, finalizer=None)
                step: Function = generator.__anext__().__await__
            finally:
                sys.set_asyncgen_hooks(*hooks)
            arguments: tuple[Any, ...] = ()
            while True:
                item = await stretches.run(inside, step, arguments, {})
                try:
                    sent = yield item
                except GeneratorExit:
                    await generator.aclose()  # may be a finaliser: no context of ours is current here
                    raise
                except BaseException as thrown:
                    step, arguments = generator.athrow, (thrown,)
                else:
                    step, arguments = (generator.__anext__, ()) if sent is None else (generator.asend, (sent,))
        except StopAsyncIteration:
            return
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                contained("performance.end", end, operation, error)
            finally:
                error, arguments = None, ()

    return timed
