"""Everything that is global to the process, in one registry: one call puts all of it back to its beginning.

A module that keeps something for the whole process registers how to forget it. The public call is
:func:`hydrochat_otel.testing.reset`; applications have no other use for it.
"""

from collections.abc import Callable
from typing import Final

Forget = Callable[[], object]

_first: Final[dict[str, Forget]] = {}
_others: Final[dict[str, Forget]] = {}


def register(name: str, forget: Forget, *, first: bool = False) -> None:
    """Have :func:`reset` call a function.

    Args:
        name: What is forgotten; one function for each name.
        forget: Puts it back to what it was when its module was imported.
        first: Whether it uses the others, and so has to be ended before them.
    """
    (_first if first else _others)[name] = forget


def names() -> tuple[str, ...]:
    """Return what is registered, in the order in which it is forgotten."""
    return (*_first, *_others)


def reset() -> None:
    """Forget everything that is registered; not while other threads use this package."""
    for forget in (*_first.values(), *_others.values()):
        forget()
