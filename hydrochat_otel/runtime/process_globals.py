"""One registry of everything that is global to the process: one call resets all of it.

A module that keeps process-wide state registers how to reset it. The public call is
:func:`hydrochat_otel.testing.reset`; applications do not need it otherwise.
"""

from collections.abc import Callable
from typing import Final

Forget = Callable[[], object]

_first: Final[dict[str, Forget]] = {}
_others: Final[dict[str, Forget]] = {}


def register(name: str, forget: Forget, *, first: bool = False) -> None:
    """Make :func:`reset` call a function.

    Args:
        name: What is reset; one function for each name.
        forget: Restores the state at the import of its module.
        first: Whether it uses the others, and so has to be ended before them.
    """
    (_first if first else _others)[name] = forget


def names() -> tuple[str, ...]:
    """Return the registered names in the order of their reset."""
    return (*_first, *_others)


def reset() -> None:
    """Reset everything that is registered; not while other threads use this package."""
    for forget in (*_first.values(), *_others.values()):
        forget()
