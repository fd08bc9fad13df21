"""The steps of a fork: the only module that registers fork hooks with the interpreter.

A fork copies one thread and all memory, so a lock that another thread holds stays locked in the child forever, and the
parent's counts exist twice. Each part of the package with such state registers its steps here under a :class:`Phase`.
The phases run in one defined order, independent of the order of imports.
"""

import functools
import itertools
import operator
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final, NamedTuple

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
    IMPORTS = 6
    """No thread of ours imports a module, which it may do while it holds any lock above."""
    THREADS = 7
    """The child starts its own threads, after all phases above are done and every lock is free."""


Busy: Final = StopIteration
"""What :meth:`ForkLock.within` raises after its timeout. An exception class of ours would need a frame of ours in which
a signal handler could raise while the lock is taken already."""


class ForkLock:
    """A lock that is free in a forked child, whichever thread of the parent held it.

    A thread takes it in a `with` statement only: ``with lock:``, or ``with lock.within(2.0):`` with a timeout. Both
    enter and leave in functions of the interpreter, without a frame of ours. A signal handler, or another thread that
    sets an exception, can raise only in a frame: before the lock is taken, inside the block, or after it is released.
    The block releases the lock that it took, also if :meth:`renew` replaced it in between.

    Args:
        phase: If given, a fork waits for the lock in this phase and holds it, so that the protected state is consistent
            in the child. If not, the child may find it inconsistent and has to reset it.
        reentrant: Whether the thread that holds the lock may take it again.
    """

    __slots__ = ("__weakref__", "_lock", "_make", "phase")

    __enter__ = property(operator.attrgetter("_lock.__enter__"))
    __exit__ = property(operator.attrgetter("_lock.__exit__"))

    def __init__(self, phase: Phase | None = None, *, reentrant: bool = False) -> None:
        self.phase = phase
        self._make: Callable[[], Any] = threading.RLock if reentrant else threading.Lock
        self._lock: Any = self._make()
        _locks.append(weakref.ref(self, _locks.remove))

    def within(self, timeout_s: float) -> "Within":
        """Return a context manager that takes the lock, or raises :data:`Busy` after so many seconds.

        Zero does not wait, -1 waits without limit.
        """
        return Within(self._lock, timeout_s)

    def hold_for_fork(self, phase: Phase, timeout_s: float, held: "list[Held]") -> None:
        """Take the lock and append it to the list, in one step of the interpreter; after the timeout do neither."""
        taken = map(functools.partial(self._lock.acquire, timeout=timeout_s), (True,))
        held.extend(itertools.compress((Held(self, phase, self._lock.release),), taken))

    @property
    def is_held_for_fork(self) -> bool:
        """Whether this thread is forking and holds the lock for the fork."""
        return any(one.lock is self for one in _local.held)

    def renew(self) -> None:
        """Replace the lock by a free one; only in a child, which has one thread."""
        self._lock = self._make()


class Within:
    """Takes a lock for the time of a block; see :meth:`ForkLock.within`."""

    __slots__ = ("_enter", "_exit")

    __enter__ = property(operator.attrgetter("_enter"))
    __exit__ = property(operator.attrgetter("_exit"))

    def __init__(self, lock: Any, timeout_s: float) -> None:
        # Calls `acquire` until it returns False, at which it raises; it is called once.
        self._enter = iter(functools.partial(lock.acquire, timeout=timeout_s), False).__next__
        self._exit = lock.__exit__


class Held(NamedTuple):
    """A lock that a forking thread holds."""

    lock: ForkLock
    phase: Phase
    release: Callable[[], None]


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
    process.newest += 1
    number = process.newest

    def if_newest(step: Step) -> Callable[[], None]:
        def run() -> None:
            if number == process.newest:  # the interpreter cannot remove a hook
                step()

        return run

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=if_newest(_before), after_in_parent=if_newest(_in_parent), after_in_child=if_newest(_in_child)
        )


# -- the steps of one fork ---------------------------------------------------------------------------------------------


class _Process:
    """What is known of this process.

    Attributes:
        newest: Number of the newest hooks.
        forked_ns: When it was forked, by the monotonic clock; 0 if it was not.
        forked_s: The same in seconds.
    """

    __slots__ = ("forked_ns", "forked_s", "newest")

    def __init__(self) -> None:
        self.newest = 0
        self.forked_ns, self.forked_s = 0, 0.0


class _Local(threading.local):
    """State of the fork that this thread makes; several threads may fork at once."""

    def __init__(self) -> None:
        self.held: list[Held] = []


process: Final = _Process()
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
                lock.hold_for_fork(phase, min(_WAIT_S, left_s), _local.held)
        _run("before", phase)


def _in_parent() -> None:
    held = _local.held
    try:
        for phase in reversed(Phase):
            _run("in_parent", phase)
            _release(held, phase)
    finally:  # a signal handler may raise between two phases
        _release(held)


def _in_child() -> None:
    forked_ns = time.perf_counter_ns()
    process.forked_ns, process.forked_s = forked_ns, forked_ns / 1e9
    for lock in _living():
        if not lock.is_held_for_fork:
            lock.renew()
    for phase in Phase:
        if phase is Phase.THREADS:
            # Threads that other libraries started in this child wait for these until all steps are done.
            _release(_local.held)
        _run("in_child", phase)


def _release(held: list[Held], phase: Phase = Phase.SHARING) -> None:
    """Release the locks of the phase and of later ones, and remove them from the list, the last one first."""
    while held and held[-1].phase >= phase:
        one = held[-1]
        del held[-1]
        one.release()


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
