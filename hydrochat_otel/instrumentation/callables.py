"""Decorates callables of every kind; `inspect` sees the same as without the decorator.

A plain function gives a function of the same kind, and a `class` statement the class itself. Any other callable (a
partial, a bound method, an object with `__call__`, a class that others use, a builtin) gives a transparent proxy, so
its type, attributes, marks and signature stay visible.
"""

import copy
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, Final

import wrapt

from hydrochat_otel.instrumentation import classes, generators, results
from hydrochat_otel.instrumentation.generators import Function
from hydrochat_otel.instrumentation.plain_calls import plain_function
from hydrochat_otel.instrumentation.tracked import Tracked

Decorate = Callable[[Any], Any]

_Proxy: Final[type] = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)
_LACKED: Final = {"__iter__": None} if hasattr(_Proxy, "__iter__") else {}
"""What says of a proxy of an older wrapt, which makes everything iterable, that it is not."""
_ADDED: Final = (
    *("__iter__", "__next__", "__aiter__", "__anext__", "__await__", "__length_hint__", "__fspath__"),
    *("__set__", "__delete__"),
)
"""Special methods that a proxy has only if the type of its target has them; `_Proxy` always has the others."""

_COROUTINE: Final = inspect.CO_COROUTINE
_GENERATOR: Final = inspect.CO_GENERATOR
_ASYNC_GENERATOR: Final = inspect.CO_ASYNC_GENERATOR
_KINDS: Final = _COROUTINE | _GENERATOR | _ASYNC_GENERATOR
_DEEPEST: Final = 20

_WRAPPERS: Final = {
    _COROUTINE: generators.coroutine_function,
    _GENERATOR: generators.generator_function,
    _ASYNC_GENERATOR: generators.async_generator_function,
}


def decorated(target: Any, begin: Tracked, decorate: Decorate) -> Any:
    """Return the callable with each of its calls tracked.

    Args:
        target: A callable, a staticmethod or a partialmethod.
        begin: What is tracked; it begins the operations.
        decorate: Decorates another callable in the same way.

    Raises:
        TypeError: The target cannot be called.
    """
    if isinstance(target, staticmethod):
        return staticmethod(decorate(target.__func__))
    if isinstance(target, functools.partialmethod):
        return functools.partialmethod(decorate(target.func), *target.args, **target.keywords)
    if not callable(target):
        kind = type(target).__name__
        cure = f"; put it below @{kind}." if hasattr(type(target), "__get__") else "."
        raise TypeError(f"track_response_time decorates callables, which a {kind} is not{cure}")
    if type(target) is types.FunctionType:
        return _function(target, begin)
    if isinstance(target, type) and classes.tracked_in_place(target, lambda method: plain_function(method, begin)):
        return target
    return _proxy_for(type(target))(target, begin, decorate)


def _function(function: types.FunctionType, begin: Tracked) -> Function:
    flags = function.__code__.co_flags
    timed = _WRAPPERS.get(flags & _KINDS, plain_function)(function, begin)
    if flags & inspect.CO_ITERABLE_COROUTINE:  # set by @types.coroutine
        timed = types.coroutine(timed)
    return classes.described(timed, function)


def _is_lazy(target: Any) -> bool:
    """Return whether a call only makes a coroutine or generator, whose first step then begins the operation."""
    for _ in range(_DEEPEST):
        if isinstance(target, functools.partial):
            target = target.func
        elif isinstance(target, types.MethodType):
            target = target.__func__
        elif isinstance(target, types.FunctionType):
            return bool(target.__code__.co_flags & _KINDS)
        elif isinstance(target, type):
            return False
        else:
            target = inspect.getattr_static(type(target), "__call__", None)
            if not isinstance(target, types.FunctionType):
                return False
    return False


class _CallableProxy(_Proxy):  # type: ignore[misc]  # chosen by wrapt's version
    """A proxy of a callable that tracks its calls."""

    def __init__(self, target: Any, begin: Tracked, decorate: Decorate) -> None:
        super().__init__(target)
        self._self_begin = begin
        self._self_decorate = decorate
        self._self_call: Function
        if _is_lazy(target):
            self._self_call = functools.partial(results.lazily, target, begin)
        else:
            self._self_call = plain_function(target, begin)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._self_call(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        # A cache that is keyed by callables must distinguish this one from the undecorated one; a class stays equal to
        # itself.
        return self is other or (isinstance(self.__wrapped__, type) and bool(self.__wrapped__ == other))

    def __hash__(self) -> int:
        return hash(self.__wrapped__) if isinstance(self.__wrapped__, type) else id(self)

    def __set_name__(self, owner: type, name: str) -> None:
        target = self.__wrapped__
        if hasattr(type(target), "__set_name__"):
            type(target).__set_name__(target, owner, name)

    def __copy__(self) -> Any:
        return self._self_decorate(copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._self_decorate(copy.deepcopy(self.__wrapped__, memo))

    def __reduce_ex__(self, _: Any) -> Any:
        return self._self_decorate, (self.__wrapped__,)


class _BoundProxy(_CallableProxy):
    """The same for a callable that binds to the instances of its class."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        bound = type(self.__wrapped__).__get__(self.__wrapped__, instance, owner)
        return self if bound is self.__wrapped__ else self._self_decorate(bound)


def _proxy_for(kind: type) -> Callable[..., Any]:
    """Return the class of the proxies of callables of the type."""
    base = _BoundProxy if classes.has_method(kind, "__get__") else _CallableProxy
    return _proxy_with(base, tuple(name for name in _ADDED if classes.has_method(kind, name)))


@functools.cache
def _proxy_with(base: type, names: tuple[str, ...]) -> Callable[..., Any]:
    methods = _LACKED | {name: _passed_on(name) for name in names}
    return type(base.__name__, (base,), methods) if methods else base


def _passed_on(name: str) -> Function:
    def method(self: Any, *args: Any) -> Any:
        return getattr(type(self.__wrapped__), name)(self.__wrapped__, *args)

    method.__name__ = name
    return method
