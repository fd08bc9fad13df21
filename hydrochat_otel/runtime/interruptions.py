"""Distinguishes an exception that the host raised into our code from a failure of ours.

A signal handler, a trace function and another thread can raise at any line: Celery's soft time limit, Ctrl-C. The
traceback says which it was. Costs nothing until an exception is raised.
"""

import sys
from types import FrameType, TracebackType
from typing import Any, Final

_ALWAYS_THE_HOSTS: Final = (KeyboardInterrupt, GeneratorExit)

# Read from the type's own slots: a metaclass of the host may hide or fake them, or raise.
_module_of: Final[Any] = type.__dict__["__module__"].__get__

_OURS: Final = frozenset({"hydrochat_otel", "opentelemetry", "wrapt"})
_KNOWN: Final = _OURS | sys.stdlib_module_names | {"builtins"}


def pass_on(error: BaseException) -> None:
    """Raise the exception again if the host raised it into our code; each broad handler of ours asks this, or notes."""
    if is_the_hosts(error):
        raise error


def is_the_hosts(error: BaseException) -> bool:
    """Return whether the host raised this into our code, so that it must be raised again."""
    if isinstance(error, _ALWAYS_THE_HOSTS):
        return True
    innermost: FrameType | None = None
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if innermost is not None and _was_given(frame, innermost):
            return True
        innermost, traceback = frame, traceback.tb_next
    return innermost is not None and _was_thrown_in(error, innermost)


def _was_given(handler: FrameType, interrupted: FrameType) -> bool:
    """Return whether the interrupted frame is among the function's arguments, as in signal handlers."""
    code = handler.f_code
    given = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x04)
    names = code.co_varnames[:given]
    if not names:
        return False
    values = handler.f_locals
    for name in names:
        value = values.get(name)  # compared by identity and type only: a lazy object must not be evaluated
        if value is interrupted or (type(value) is tuple and any(one is interrupted for one in value)):
            return True
    return False


def _was_thrown_in(error: BaseException, frame: FrameType) -> bool:
    """Return whether another thread set the exception, or a greenlet ended: no line of ours raises its class."""
    place = frame.f_globals.get("__name__", "")
    if not isinstance(place, str) or place.split(".")[0] not in _OURS:
        return False
    module = _module_of(type(error))
    return not isinstance(module, str) or module.split(".")[0] not in _KNOWN
