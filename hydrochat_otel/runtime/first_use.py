"""The hook of the first use: what a process does that measures without having installed a pipeline.

The package sets it when it is imported, so that importing the package alone imports neither OpenTelemetry nor anything
else.
"""

from collections.abc import Callable

Hook = Callable[[], None]


class _Waiting:
    hook: Hook | None = None


def on_first_use(hook: Hook | None) -> None:
    """Set a hook that is called once, when a call site needs instruments and none are bound; None removes it."""
    _Waiting.hook = hook


def take() -> Hook | None:
    """Return the hook and remove it; None if it was called or there is none."""
    hook, _Waiting.hook = _Waiting.hook, None
    return hook
