"""The current context, read and set by the API's functions, or by the shorter way that the sdk package has bound.

Call them through the module: they are replaced when a pipeline is installed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import context as context_api
from opentelemetry.context import Context

from hydrochat_otel.runtime import process_globals

get_current: Callable[[], Context] = context_api.get_current
"""Returns the context that is current in this thread or task."""
attach: Callable[[Context], object] = context_api.attach
"""Makes a context current in this thread or task."""


def use(read: Callable[[], Context], write: Callable[[Context], object]) -> None:
    """Read and set the current context by these functions from now on."""
    global get_current, attach
    get_current, attach = read, write


def leave(inside: Context, before: Context) -> None:
    """Make the context from before current again, if the one inside is current, or one made from it.

    A coroutine that is never finished is closed where nothing references it any more, maybe in another thread or task:
    the context that is current there belongs to other code.
    """
    current = get_current()
    added = [key for key, value in inside.items() if before.get(key) is not value]
    if current is inside or any(current.get(key) is inside[key] for key in added):
        attach(before)


@contextmanager
def holding(key: str, value: object) -> Iterator[None]:
    """Make a context with this value current; it is left wherever the block ends."""
    before = get_current()
    inside = context_api.set_value(key, value, before)
    try:
        attach(inside)
        yield
    finally:
        if get_current().get(key) is value:
            attach(before)


process_globals.register("contexts", lambda: use(context_api.get_current, context_api.attach))
