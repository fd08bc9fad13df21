"""What is put off in a process that must have nothing of ours, until it forks a worker: then the worker does it.

Not from a hook of :func:`os.register_at_fork`: while those run, locks of other libraries are still held for the fork,
and the SDK waits for one of them for ever. :mod:`multiprocessing` calls back when all of that is over.
"""

from collections.abc import Callable
from multiprocessing import util
from typing import Final

from hydrochat_otel.runtime import failures


class _Put:
    """The steps of the process, in the order in which they came."""

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
    """Leave a step to each worker that :mod:`multiprocessing` forks from this process."""
    _put.off(step)
