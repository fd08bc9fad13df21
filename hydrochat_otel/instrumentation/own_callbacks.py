"""The callbacks of our own observable instruments, which a reader of ours asks directly."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeGuard

from opentelemetry.metrics import CallbackOptions, Observation

Seen = tuple[float, Mapping[str, str]]
"""One observation: a finite value, and the attributes."""


class OwnCallback:
    """The callback of one instrument of ours.

    Attributes:
        observe: Returns what is observed, with values of one type. Raises nothing of ours.
        is_superseded: Whether each snapshot replaces the value, of one series: asking once is enough for its reader.

    Args:
        before: Called first if another library's reader collects; a reader of ours has done it before its collection.
    """

    def __init__(
        self,
        observe: Callable[[], list[Seen]],
        *,
        before: Callable[[], object] | None = None,
        is_superseded: bool = False,
    ) -> None:
        self.observe = observe
        self.is_superseded = is_superseded
        self._before = before

    def __call__(self, _: CallbackOptions) -> Iterable[Observation]:
        """Return the observations to a reader of any library."""
        if self._before is not None:
            self._before()
        return [Observation(value, attributes) for value, attributes in self.observe()]


def are_own(callbacks: Sequence[object]) -> TypeGuard[Sequence[OwnCallback]]:
    """Return whether all callbacks of an instrument are ours."""
    return bool(callbacks) and all(type(callback) is OwnCallback for callback in callbacks)
