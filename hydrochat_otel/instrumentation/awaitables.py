"""A proxy for an awaitable that is neither a coroutine nor a future, such as the request of an HTTP client's `get()`.

The proxy is transparent: its type, attributes and other protocols are those of the awaitable.
"""

import functools
from collections.abc import Callable, Generator
from typing import Any, Final

import wrapt

from hydrochat_otel.instrumentation import generators
from hydrochat_otel.instrumentation.classes import has_method
from hydrochat_otel.instrumentation.generators import Begin

_Proxy: Final[type] = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)  # the latter makes everything iterable


class _Awaited(_Proxy):  # type: ignore[misc]  # chosen by wrapt's version
    def __init__(self, awaitable: Any, begin: Begin) -> None:
        super().__init__(awaitable)
        self._self_begin = begin
        self._self_steps: Generator[Any, Any, Any] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        awaited: Generator[Any, Any, Any] = generators.generator_function(lambda: self.__wrapped__, self._self_begin)()
        return awaited


def _steps(self: Any) -> Generator[Any, Any, Any]:
    if self._self_steps is None:
        self._self_steps = self.__await__()
    steps: Generator[Any, Any, Any] = self._self_steps
    return steps


def _send(self: Any, value: Any) -> Any:
    return _steps(self).send(value)


def _throw(self: Any, *thrown: Any) -> Any:
    return _steps(self).throw(*thrown)


def _close(self: Any) -> None:
    _steps(self).close()
    self.__wrapped__.close()


async def _aenter(self: Any) -> Any:
    return await generators.coroutine_function(self.__wrapped__.__aenter__, self._self_begin)()


async def _aexit(self: Any, *raised: Any) -> Any:
    return await self.__wrapped__.__aexit__(*raised)


def _aiter(self: Any) -> Any:
    return self.__wrapped__.__aiter__()


def _anext(self: Any) -> Any:
    return self.__wrapped__.__anext__()


def _iter(self: Any) -> Any:
    return iter(self.__wrapped__)


def _next(self: Any) -> Any:
    return next(self.__wrapped__)


_PROTOCOLS: Final[dict[str, Callable[..., Any]]] = {
    "send": _send,
    "throw": _throw,
    "close": _close,
    "__aenter__": _aenter,
    "__aexit__": _aexit,
    "__aiter__": _aiter,
    "__anext__": _anext,
    "__iter__": _iter,
    "__next__": _next,
}


@functools.cache
def _proxy_class(protocols: frozenset[str]) -> type[_Awaited]:
    return type("Awaited", (_Awaited,), {name: _PROTOCOLS[name] for name in protocols})


def standing_for(awaitable: Any, begin: Begin) -> Any:
    """Return a proxy of the awaitable that runs it, once awaited, in the operation that `begin` gives."""
    kind = type(awaitable)
    return _proxy_class(frozenset(name for name in _PROTOCOLS if has_method(kind, name)))(awaitable, begin)
