"""The steps of a fork: the only module that registers fork hooks with the interpreter.

A fork copies one thread and all memory, so a lock that another thread holds stays locked in the child forever, and the
parent's counts exist twice. Each part of the package with such state registers its steps here under a :class:`Phase`.
The phases run in one defined order, independent of the order of imports.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from enum import IntEnum
from types import TracebackType
from typing import Any, Final

from hydrochat_otel.runtime import failures

Step = Callable[[], object]

_WAIT_S: Final = 0.5
"""How long a fork waits for one lock. After a timeout the child gets a new lock."""
_WAIT_FOR_ALL_S: Final = 2.0


class Phase(IntEnum):
    """The order of the steps before a fork and in the child; in the parent they run in reverse.

    It is the order in which an exchange with the shared state takes its locks, so a fork cannot cause a deadlock.
    """

    SHARING = 0
    """No exchange with the shared state is in progress; the child becomes a new member."""
    CONNECTION = 1
    """Files of the shared state are closed."""
    SNAPSHOT = 2
    """No snapshot is being taken."""
    SDK = 3
    """No reader collects; the child's metrics start at zero."""
    WINDOW = 4
    """The child's window and its counts start empty."""
    QUEUE = 5
    """No measurement is being recorded; the child's queue starts empty."""
    THREADS = 6
    """The child starts its own threads, after all phases above are done and every lock is free."""


class ForkLock:
    """A lock that is free in a forked child, whichever thread of the parent held it.

    Args:
        phase: If given, a fork waits for the lock in this phase and holds it, so that the protected state is consistent
            in the child. If not, the child may find it inconsistent and has to reset it.
        reentrant: Whether the thread that holds the lock may take it again.
    """

    __slots__ = ("__weakref__", "_lock", "_make", "phase")

    def __init__(self, phase: Phase | None = None, *, reentrant: bool = False) -> None:
        self.phase = phase
        self._make: Callable[[], Any] = threading.RLock if reentrant else threading.Lock
        self._lock: Any = self._make()
        _locks.append(weakref.ref(self, _locks.remove))

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self, timeout: float = -1) -> bool:
        """Take the lock; return False if that takes longer than the timeout in seconds."""
        return bool(self._lock.acquire(timeout=timeout))

    def release(self) -> None:
        """Release the lock. Does nothing in a child whose only thread took it before the fork."""
        try:
            self._lock.release()
        except RuntimeError:
            if _local.generation is _process.generation:
                raise

    @property
    def is_held_for_fork(self) -> bool:
        """Whether this thread is forking and holds the lock for the fork."""
        return self in _local.held

    def renew(self) -> None:
        """Replace the lock by a free one; only in a child, which has one thread."""
        self._lock = self._make()


class Registration:
    """Steps of one part of the package. Bound methods are referenced weakly, functions strongly."""

    def __init__(self, phase: Phase, before: Step | None, in_parent: Step | None, in_child: Step | None) -> None:
        self.phase = phase
        self._steps = {"before": _weakly(before), "in_parent": _weakly(in_parent), "in_child": _weakly(in_child)}

    @property
    def is_dead(self) -> bool:
        """Whether the object of the steps is gone."""
        steps = [step for step in self._steps.values() if step is not None]
        return all(step() is None for step in steps)

    def run(self, name: str) -> None:
        """Run one step, if there is one; never raises, because our failure must not break the application's fork."""
        reference = self._steps[name]
        step = None if reference is None else reference()
        if step is not None:
            try:
                step()
            except BaseException as error:
                failures.note("fork", error)

    def cancel(self) -> None:
        """Remove the steps; a second call does nothing."""
        _remove(self)


def register(
    phase: Phase, *, before: Step | None = None, in_parent: Step | None = None, in_child: Step | None = None
) -> Registration:
    """Run steps at every fork of this process.

    A step must be quick, and must not start a thread except `in_child` of :attr:`Phase.THREADS`.

    Args:
        phase: When the steps run; those of one phase run in the order of registration.
        before: Runs in the thread that forks.
        in_parent: Runs afterwards in the parent.
        in_child: Runs afterwards in the child.
    """
    for one in tuple(_registrations):
        if one.is_dead:
            _remove(one)
    made = Registration(phase, before, in_parent, in_child)
    _registrations.append(made)
    return made


def run_last() -> None:
    """Run after the hooks that other libraries have registered so far; the pipeline calls this when it joins providers.

    The SDK's providers renew their locks and their resource in the child. Our steps use both.
    """
    _process.newest += 1
    number = _process.newest

    def if_newest(step: Step) -> Callable[[], None]:
        def run() -> None:
            if number == _process.newest:  # the interpreter cannot remove a hook
                step()

        return run

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=if_newest(_before), after_in_parent=if_newest(_in_parent), after_in_child=if_newest(_in_child)
        )


# -- the steps of one fork ---------------------------------------------------------------------------------------------


class _Process:
    newest = 0
    generation: object = object()


class _Local(threading.local):
    """State of the fork that this thread makes; several threads may fork at once."""

    def __init__(self) -> None:
        self.held: list[ForkLock] = []
        self.generation = _process.generation


_process: Final = _Process()
_local: Final = _Local()
_registrations: Final[list[Registration]] = []
_locks: Final[list[weakref.ref[ForkLock]]] = []


def _before() -> None:
    _local.held = []
    deadline_s = time.monotonic() + _WAIT_FOR_ALL_S
    for phase in Phase:
        for lock in _living():
            if lock.phase is phase:
                left_s = max(0.0, deadline_s - time.monotonic())
                if lock.acquire(timeout=min(_WAIT_S, left_s)):
                    _local.held.append(lock)
        _run("before", phase)


def _in_parent() -> None:
    for phase in reversed(Phase):
        _run("in_parent", phase)
        for lock in [one for one in _local.held if one.phase is phase]:
            _local.held.remove(lock)
            lock.release()


def _in_child() -> None:
    _process.generation = object()
    for lock in _living():
        if lock not in _local.held:
            lock.renew()
    for phase in Phase:
        if phase is Phase.THREADS:
            # Threads that other libraries started in this child wait for these until all steps are done.
            held, _local.held = _local.held, []
            for lock in held:
                lock.release()
        _run("in_child", phase)


def _run(step: str, phase: Phase) -> None:
    for one in tuple(_registrations):
        if one.phase is phase:
            one.run(step)


def _living() -> Iterator[ForkLock]:
    for reference in tuple(_locks):
        lock = reference()
        if lock is not None:
            yield lock


def _remove(one: Registration) -> None:
    if one in _registrations:
        _registrations.remove(one)


def _weakly(step: Step | None) -> Callable[[], Step | None] | None:
    if step is None:
        return None
    return weakref.WeakMethod(step) if hasattr(step, "__self__") else lambda: step


run_last()
