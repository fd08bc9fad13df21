"""Distinguishes the application's own callbacks from its signals: both may raise something other than `Exception`."""

import signal
from types import CodeType, TracebackType
from typing import Final

_INSTRUMENT_MODULE: Final = "opentelemetry.sdk.metrics._internal.instrument"
"""The module of the SDK that calls the callbacks of observable instruments."""


def raised_by_callback(error: BaseException) -> bool:
    """Return whether a callback of an observable instrument raised it, and not a signal handler that interrupted one.

    `KeyboardInterrupt` always counts as an interrupt.
    """
    if isinstance(error, KeyboardInterrupt):
        return False
    handlers = _signal_handlers()
    in_callback = False
    at: TracebackType | None = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code in handlers:
            return False
        in_callback = in_callback or at.tb_frame.f_globals.get("__name__") == _INSTRUMENT_MODULE
        at = at.tb_next
    return in_callback


def _signal_handlers() -> set[CodeType]:
    """Return the code of the Python functions that handle a signal now."""
    handlers = (signal.getsignal(number) for number in signal.valid_signals())
    functions = (getattr(handler, "__func__", handler) for handler in handlers)
    return {code for function in functions if isinstance(code := getattr(function, "__code__", None), CodeType)}
