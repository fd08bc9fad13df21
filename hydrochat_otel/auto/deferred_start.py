"""Defers start-up from a supervisor to the workers it forks.

Not from a hook of :func:`os.register_at_fork`: while those run, locks of other libraries are still held for the fork,
and the SDK would wait for one of them forever. :mod:`multiprocessing` calls back after all hooks.
"""

from collections.abc import Callable
from multiprocessing import util
from typing import Final

from hydrochat_otel.runtime import failures


class _Put:
    """The deferred steps of the process, in the order in which they were added."""

    def __init__(self) -> None:
        self.steps: list[Callable[[], None]] = []

    def off(self, step: Callable[[], None]) -> None:
        if not self.steps:
            util.register_after_fork(self, _Put.do)
        self.steps.append(step)

    def do(self) -> None:
        steps, self.steps = self.steps, []
        for step in steps:
            try:
                step()
            except Exception as error:
                failures.note("auto.fork", error)


_put: Final = _Put()


def put_off(step: Callable[[], None]) -> None:
    """Defer a step to each worker that :mod:`multiprocessing` forks from this process."""
    _put.off(step)
