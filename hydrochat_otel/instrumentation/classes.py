"""Decorates a class statement: the class stays the same object, and its construction is tracked.

A stand-in would not be a class to `super(Name, self)`, `except`, `match` and `pickle`. Therefore the method that
constructs the instance is replaced in the class itself. The construction of a subclass's instance is not tracked.
"""

import enum
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

from hydrochat_otel.runtime import interruptions

Function = Callable[..., Any]

_SELF: Final = inspect.Signature([inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)])


def tracked_in_place(target: type, track: Callable[[Function], Function]) -> bool:
    """Track the construction of a class that its `class` statement is defining; return whether that was possible.

    A class that its module already names stays as it is, because others use it, too. So does a class of C, an
    enumeration without members, whose subclasses would make members by a `__new__` of ours, and a class whose instances
    are awaited: their operation ends later than the construction.

    Args:
        target: The class.
        track: Returns a function with each of its calls tracked.
    """
    # Looking up a member of an enumeration calls `__new__` only.
    is_enum = isinstance(target, enum.EnumMeta)
    is_awaited = any("__await__" in vars(kind) for kind in target.__mro__)
    if is_awaited or (is_enum and not vars(target)["_member_map_"]) or _is_named(target):
        return False
    if not is_enum and _method(target, "__init__") is not object.__init__:
        name = "__init__"
    else:
        name = "__init__" if _method(target, "__new__") is object.__new__ else "__new__"
    try:
        # Not setattr: a metaclass may do more with it.
        type.__setattr__(target, name, _Constructor(target, name, track).replacement)
    except TypeError:  # a class of C
        return False
    return True


def has_method(kind: type, name: str) -> bool:
    """Return whether instances of a class have a special method; one of its metaclass is not theirs."""
    return hasattr(kind, name) and any(name in vars(base) for base in kind.__mro__)


def _is_named(target: type) -> bool:
    """Return whether the class can be reached by its name: then its `class` statement has ended."""
    found: Any = sys.modules.get(target.__module__)
    for part in target.__qualname__.split("."):
        try:
            found = vars(found).get(part)
        except TypeError:
            return False
    return found is target


def _method(target: type, name: str) -> Any:
    return _function(next(vars(kind)[name] for kind in target.__mro__ if name in vars(kind)))


def _function(method: Any) -> Any:
    return method.__func__ if isinstance(method, staticmethod) else method


def described(wrapper: Function, function: Any) -> Function:
    """Return the wrapper with the function's name, documentation, attributes and signature.

    `inspect.getfullargspec`, by which Celery checks the arguments of a task, does not follow `__wrapped__`.
    """
    functools.update_wrapper(wrapper, function)
    known = vars(function) if hasattr(function, "__dict__") else {}
    if "__wrapped__" not in known and "__signature__" not in known:
        try:
            vars(wrapper)["__signature__"] = _SELF if function is object.__init__ else inspect.signature(function)
        except Exception as error:  # a function of C, or an annotation without a value yet
            interruptions.pass_on(error)
    return wrapper


class _Constructor:
    """The `__init__` or `__new__` of a class, and the function that replaces it.

    Attributes:
        replacement: What takes the method's place in the class.
    """

    def __init__(self, target: type, name: str, track: Callable[[Function], Function]) -> None:
        self._target = target
        self._name = name
        self._own = vars(target).get(name)
        self._tracked = track(self._construct)

        def construct(first: Any, /, *args: Any, **kwargs: Any) -> Any:
            kind = self._kind(first)
            call = self._tracked if kind is self._owner(kind) else self._construct
            return call(first, *args, **kwargs)

        self._replacing = described(construct, _method(target, name))
        self.replacement = staticmethod(construct) if name == "__new__" else construct

    def _kind(self, first: Any) -> Any:
        return first if self._name == "__new__" else type(first)

    def _owner(self, kind: type) -> type:
        """Return the class that has the replacement: the decorated one, or its copy by `dataclass(slots=True)`."""
        if self._target in kind.__mro__:
            return self._target
        return next(filter(self._is_copy, kind.__mro__), kind)

    def _is_copy(self, kind: type) -> bool:
        names = kind.__module__, kind.__qualname__
        is_same = names == (self._target.__module__, self._target.__qualname__)
        return is_same or _function(vars(kind).get(self._name)) is self._replacing

    def _construct(self, first: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Do what the method did, and leave an inherited one to the next class in the order of resolution."""
        kind = self._kind(first)
        if self._own is not None:
            if self._name == "__new__":
                return _function(self._own)(first, *args, **kwargs)
            return self._own.__get__(first, kind)(*args, **kwargs)
        following = getattr(super(self._owner(kind), first), self._name)
        if self._name == "__new__":
            return following(first, *args, **kwargs)
        if getattr(following, "__objclass__", None) is not object:
            return following(*args, **kwargs)
        if (args or kwargs) and kind.__new__ is object.__new__:
            raise TypeError(f"{kind.__name__}() takes no arguments")
        return None
