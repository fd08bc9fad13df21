"""A tracer that says when something of it is set: its sampler, its ids, or whether it is enabled.

What is known of them need not be looked up for every call then. The SDK's provider makes a tracer for our scope alone;
its class becomes the one here.
"""

from collections.abc import Callable
from typing import Any, Final
from weakref import ref

from opentelemetry.sdk.trace import Tracer

from hydrochat_otel.runtime import failures

_WATCHING: Final = "_hydrochat_watching"

Changed = Callable[[Tracer, Any], None]
"""What is called with the tracer and a watcher; it must not hold the watcher."""


class WatchedTracer(Tracer):
    """The SDK's tracer, but for what happens when one of its attributes is set."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set it, and tell those that watch."""
        super().__setattr__(name, value)
        failures.contained("operation.start", _tell, self)


KINDS: Final = frozenset({Tracer, WatchedTracer})
"""The classes of tracers that can be watched; a class of the application's would lose what it does."""


def _tell(tracer: Tracer) -> None:
    for one, changed in list(vars(tracer)[_WATCHING].items()):
        if (watcher := one()) is not None:
            changed(tracer, watcher)


def watch(tracer: Tracer, watcher: object, changed: Changed) -> None:
    """Call a function each time something of a tracer of the SDK is set, as long as the watcher exists.

    Raises:
        TypeError: The tracer is of another class than the SDK's.
    """
    if type(tracer) not in KINDS:
        raise TypeError(f"a tracer of the class {type(tracer).__name__} cannot be watched")
    watching: dict[ref[object], Changed] = vars(tracer).setdefault(_WATCHING, {})
    watching[ref(watcher, lambda gone: watching.pop(gone, None))] = changed
    if type(tracer) is Tracer:
        tracer.__class__ = WatchedTracer
