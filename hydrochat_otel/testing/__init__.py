"""A kit for the tests of an application: an emulated Gemini with a ledger, exact measurements, a stepped clock.

This package does not import pytest; :mod:`hydrochat_otel.testing.pytest_plugin`, which pytest finds by itself, does.
Names are loaded on first use, so that an installed plugin costs a test run nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hydrochat_otel.testing.answers import made_up_reply
    from hydrochat_otel.testing.consumption import Buckets
    from hydrochat_otel.testing.emulator import GeminiEmulator, RecordedRequest
    from hydrochat_otel.testing.ledger import Ledger, LedgerLine, Totals
    from hydrochat_otel.testing.measured import Measured
    from hydrochat_otel.testing.process import reset
    from hydrochat_otel.testing.replies import (
        ApiError,
        Chunk,
        Part,
        Reply,
        Usage,
        answer,
        blocked,
        failure,
        function_call,
        rate_limited,
    )
    from hydrochat_otel.testing.stepped_clock import SteppedClock
    from hydrochat_otel.testing.wire import Request

__all__ = [
    "ApiError",
    "Buckets",
    "Chunk",
    "GeminiEmulator",
    "Ledger",
    "LedgerLine",
    "Measured",
    "Part",
    "RecordedRequest",
    "Reply",
    "Request",
    "SteppedClock",
    "Totals",
    "Usage",
    "answer",
    "blocked",
    "failure",
    "function_call",
    "made_up_reply",
    "rate_limited",
    "reset",
]

_MODULES: Final = {
    "answers": ("made_up_reply",),
    "emulator": ("GeminiEmulator", "RecordedRequest"),
    "consumption": ("Buckets",),
    "ledger": ("Ledger", "LedgerLine", "Totals"),
    "measured": ("Measured",),
    "replies": (
        *("ApiError", "Chunk", "Part", "Reply", "Usage"),
        *("answer", "blocked", "failure", "function_call", "rate_limited"),
    ),
    "process": ("reset",),
    "stepped_clock": ("SteppedClock",),
    "wire": ("Request",),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
