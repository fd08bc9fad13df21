"""Timing generators: the operation's span is current while the body runs, and never across a ``yield``."""

from collections.abc import Callable
from typing import Any

from hydrochat_otel.instrumentation.operation import Operation

Begin = Callable[[], Operation]
End = Callable[[Operation, BaseException | None], None]


def wrap_generator(function: Callable[..., Any], begin: Begin, end: End) -> Callable[..., Any]:
    """Return a generator function that runs the given one inside an operation.

    What is sent or thrown in, yielded, raised and returned passes untouched. The operation begins with the first step
    and ends with the generator; closed early, or dropped and collected, it is cancelled.
    """

    def timed(*args: Any, **kwargs: Any) -> Any:
        operation = begin()
        try:
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = generator.__next__
            while True:
                item = _inside(operation, step)
                try:
                    sent = yield item
                except GeneratorExit:
                    _inside(operation, generator.close)
                    raise
                except BaseException as error:  # whatever is thrown in belongs to the generator
                    step = _bound(generator.throw, error)
                else:
                    step = generator.__next__ if sent is None else _bound(generator.send, sent)
        except StopIteration as stop:
            end(operation, None)
            return stop.value
        except BaseException as error:
            end(operation, error)
            raise

    return timed


def wrap_async_generator(function: Callable[..., Any], begin: Begin, end: End) -> Callable[..., Any]:
    """Do for an asynchronous generator function what :func:`wrap_generator` does for a plain one."""

    async def timed(*args: Any, **kwargs: Any) -> Any:
        operation = begin()
        try:
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = generator.__anext__
            while True:
                item = await _ainside(operation, step)
                try:
                    sent = yield item
                except GeneratorExit:
                    await _ainside(operation, generator.aclose)
                    raise
                except BaseException as error:  # whatever is thrown in belongs to the generator
                    step = _bound(generator.athrow, error)
                else:
                    step = generator.__anext__ if sent is None else _bound(generator.asend, sent)
        except StopAsyncIteration:
            end(operation, None)
        except BaseException as error:
            end(operation, error)
            raise

    return timed


def _bound(method: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
    return lambda: method(argument)


def _inside(operation: Operation, step: Callable[[], Any]) -> Any:
    token = operation.enter()
    try:
        return step()
    finally:
        operation.leave(token)


async def _ainside(operation: Operation, step: Callable[[], Any]) -> Any:
    token = operation.enter()
    try:
        return await step()
    finally:
        operation.leave(token)
