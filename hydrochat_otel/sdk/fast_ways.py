"""Records which fast paths through the SDK are in use, and why one is not.

A fast path uses private names of the SDK. Each is probed and compared by value with the public path before it is used;
anything unexpected falls back to the public path, without a log line. ``HYDROCHAT_FAST=0`` turns all off.
"""

from typing import Final

IN_USE: Final = "in use"
OFF: Final = "off: HYDROCHAT_FAST is 0"
UNUSED: Final = "not used yet"

_states: Final = dict.fromkeys(("collection", "context", "feeds", "lean spans", "unseen spans"), UNUSED)


def report() -> dict[str, str]:
    """Return the state of each fast path: ``in use``, ``not used yet``, or a sentence that says why it is not used."""
    return dict(_states)


def use(name: str) -> None:
    """Record that the path is in use."""
    _states[name] = IN_USE


def fall_back(name: str, reason: str | BaseException) -> None:
    """Note that the public way is taken from now on."""
    why = reason if isinstance(reason, str) else f"fell back to the public way ({type(reason).__name__})"
    _states[name] = why
