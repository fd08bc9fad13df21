"""The callbacks of our own observable instruments, which a reader of ours asks directly."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from opentelemetry.metrics import CallbackOptions, Observation

Seen = tuple[float, Mapping[str, str]]
"""One observation: a finite value, and the attributes."""


class OwnCallback:
    """The callback of one instrument of ours.

    Attributes:
        observe: Returns what is observed, with values of one type; None if there is nothing to look at yet. Raises
            nothing of ours.
        once: Whether a reader of ours needs to ask once only: each snapshot replaces the values, or they never change.

    Args:
        before: Called first if another library's reader collects; a reader of ours has done it before its collection.
    """

    def __init__(
        self,
        observe: Callable[[], list[Seen] | None],
        *,
        before: Callable[[], object] | None = None,
        once: bool = False,
    ) -> None:
        self.observe = observe
        self.once = once
        self._before = before

    def __call__(self, _: CallbackOptions) -> Iterable[Observation]:
        """Return the observations to a reader of any library."""
        if self._before is not None:
            self._before()
        return [Observation(value, attributes) for value, attributes in self.observe() or ()]


def own_callback(callbacks: Sequence[object]) -> OwnCallback | None:
    """Return the one callback of an instrument of ours; None if the instrument is not ours."""
    if len(callbacks) != 1:
        return None
    (callback,) = callbacks
    return callback if type(callback) is OwnCallback else None
