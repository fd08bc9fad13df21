"""Derives the outcome of work from its exception; recognises cancellations of libraries without importing them."""

import asyncio
from typing import Any, Final

from hydrochat_otel.semconv import Outcome

_CANCELLATIONS: Final = (asyncio.CancelledError, GeneratorExit)
_OTHERS: Final = frozenset({("trio", "Cancelled"), ("greenlet", "GreenletExit")})

# Read from the type's own slots: a metaclass of the host may hide or fake them, or raise.
_module_of: Final[Any] = type.__dict__["__module__"].__get__
_name_of: Final[Any] = type.__dict__["__name__"].__get__
_mro_of: Final[Any] = type.__dict__["__mro__"].__get__


def is_cancellation(error: BaseException | None) -> bool:
    """Whether work that raised this was cancelled."""
    if isinstance(error, _CANCELLATIONS):
        return True
    # A cancellation derives from BaseException only, so that it passes `except Exception`.
    if error is None or isinstance(error, Exception):
        return False
    return any(_module_and_name(kind) in _OTHERS for kind in _mro_of(type(error)))


def outcome_of(error: BaseException | None) -> Outcome:
    """Return the outcome of work that raised this, or nothing; a cancellation is not an error."""
    if error is None:
        return "ok"
    return "cancelled" if is_cancellation(error) else "error"


def class_name(error: BaseException | None) -> str:
    """Return the name of an exception's class, even if its metaclass hides it."""
    return str(_name_of(type(error)))


def _module_and_name(kind: type) -> tuple[str, str]:
    module = _module_of(kind)
    return (module.split(".")[0] if isinstance(module, str) else "", _name_of(kind))
