"""Callables of every kind that may be decorated; each works for two seconds and returns its arguments.

A shape makes a callable of a function of one of four kinds. `work()` moves the test's clock by one second and notes
whether an operation is current.
"""

import asyncio
import functools
import inspect
import types
from collections.abc import Awaitable

from asgiref.sync import markcoroutinefunction


class Request(Awaitable):
    """An awaitable that is neither a coroutine nor a future, and an async context manager, as HTTP clients have."""

    def __init__(self, work, value):
        self.work, self.value = work, value

    def __await__(self):
        self.work()
        yield from asyncio.sleep(0).__await__()
        return self.value

    async def __aenter__(self):
        return await self

    async def __aexit__(self, *raised):
        return None


def kinds(work):
    """Return one function of each kind; all of them work for two seconds and return `(value, extra)`."""

    def plain(value, extra=1):
        work()
        work()
        return value, extra

    async def coroutine(value, extra=1):
        work()
        await asyncio.sleep(0)
        work()
        return value, extra

    def generator(value, extra=1):
        work()
        yield value
        work()
        yield extra

    async def async_generator(value, extra=1):
        work()
        yield value
        await asyncio.sleep(0)
        work()
        yield extra

    return {"plain": plain, "coroutine": coroutine, "generator": generator, "async generator": async_generator}


def call(function):
    return function(7)


def await_(function):
    async def run():
        return await function(7)

    return asyncio.run(run())


def iterate(function):
    return tuple(function(7))


def aiterate(function):
    async def run():
        return tuple([item async for item in function(7)])

    return asyncio.run(run())


RUN = {"plain": call, "coroutine": await_, "generator": iterate, "async generator": aiterate}


def _callable_object(function):
    kind = type("Callable", (), {"__call__": staticmethod(function)})
    return kind()


def _method_of_object(function):
    return type("Service", (), {"method": _same_kind_method(function)})().method


def _same_kind_method(function):
    """Return a function of the same kind that takes `self` first."""
    if inspect.iscoroutinefunction(function):

        async def method(self, value, extra=1):
            return await function(value, extra)

    elif inspect.isgeneratorfunction(function):

        def method(self, value, extra=1):
            yield from function(value, extra)

    elif inspect.isasyncgenfunction(function):

        async def method(self, value, extra=1):
            async for item in function(value, extra):
                yield item

    else:

        def method(self, value, extra=1):
            return function(value, extra)

    return method


def _wrapped_by_another_library(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def _returning(function):
    def returns(value, extra=1):
        return function(value, extra)

    return returns


def _marked(function):
    return markcoroutinefunction(_returning(function))


class _Calls:
    def __init__(self, function):
        self.function = function


def _object_with_call(function):
    return type("Calls", (_Calls,), {"__call__": _same_kind_method(function)})(function)


MAKE = {
    "function": lambda function: function,
    "partial": lambda function: functools.partial(function, extra=5),
    "partial of a partial": lambda function: functools.partial(functools.partial(function, 7), extra=5),
    "wrapper of another library": _wrapped_by_another_library,
    "plain function that returns it": _returning,
    "bound method": _method_of_object,
    "callable object": _object_with_call,
    "object with a static call": _callable_object,
    "lambda": lambda function: lambda value, extra=1: function(value, extra),
    "lru_cache": functools.lru_cache(maxsize=None),
}
"""Ways to make a callable from a function; ten of them for each of four kinds."""


def marked(function):
    return _marked(function)


def of_types_coroutine(work):
    @types.coroutine
    def made(value, extra=1):
        work()
        yield from asyncio.sleep(0).__await__()
        work()
        return value, extra

    return made


def returning_awaitable(work):
    def made(value, extra=1):
        work()
        return Request(work, (value, extra))

    return made


def returning_task(work):
    async def body(value, extra):
        work()
        await asyncio.sleep(0)
        work()
        return value, extra

    def made(value, extra=1):
        return asyncio.ensure_future(body(value, extra))

    return made
