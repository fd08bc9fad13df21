"""The current context, read and set by the API's functions, or by the shorter way that the sdk package has bound.

Call them through the module: they are replaced when a pipeline is installed.
"""

from collections.abc import Callable

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


process_globals.register("contexts", lambda: use(context_api.get_current, context_api.attach))
