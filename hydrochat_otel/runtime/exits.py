"""Publishes the last measurements of processes that exit in an orderly way without running exit handlers.

Some libraries end a process by :func:`os._exit` or by a signal. Each of them offers a hook that runs before:

- children of multiprocessing, and of Celery's billiard outside of a pool, run finalizers;
- children of a Celery pool send the signal ``worker_process_shutdown``, whether they end by the number of their tasks,
  their memory, SIGTERM, or because the pool shrinks; :func:`os._exit` ends them before their finalizers;
- RQ starts a process for each job, which ends by :func:`os._exit` after ``perform_job``;
- uvicorn raises the caught signal again after ``Server.shutdown``, which ends the process.
"""

import sys
import weakref
from collections.abc import Awaitable, Callable
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol

from hydrochat_otel.runtime import background, import_hooks
from hydrochat_otel.runtime.later import later

if TYPE_CHECKING:
    import asyncio

    import wrapt
else:
    asyncio = later("asyncio")
    wrapt = later("wrapt")

_FINALIZING: Final = ("multiprocessing.util", "billiard.util")
_LAST: Final = -1000
"""Priority of our finalizer: those of the host, which may still measure, run before it."""
_WITHIN_S: Final = 5.0
"""How long the end of a process waits for us."""


class Leaving(Protocol):
    """An object that has work to do before the process ends."""

    def leave(self) -> None:
        """Do the work within a few seconds; may be called several times, and during the process's life."""


_leaving: Final[weakref.WeakSet[Leaving]] = weakref.WeakSet()


def watch(one: Leaving) -> None:
    """Call :meth:`Leaving.leave` before the process ends in one of the ways above."""
    _leaving.add(one)
    _hook_libraries()
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _finalize(sys.modules["multiprocessing.util"])


def after_fork_in_child() -> None:
    """Watch a child that one of these libraries has forked."""
    for util in filter(None, map(sys.modules.get, _FINALIZING)):
        # The library clears the parent's finalizers right after this, and then calls back.
        util.register_after_fork(_leave_all, lambda _, util=util: _finalize(util))


def _finalize(util: ModuleType) -> None:
    util.Finalize(None, _leave, exitpriority=_LAST)


def _leave(*_: object, **__: object) -> None:
    """Call all, in a thread: a signal that ends the process does not interrupt it as it does the main one."""
    background.within(_WITHIN_S, _leave_all, component="state.leave")


def _leave_all() -> None:
    for one in list(_leaving):
        background.guarded(one.leave, component="state.leave")


# -- the libraries' own hooks, each used when the library is imported --------------------------------------------------


@cache
def _hook_libraries() -> None:
    for module, hook in _HOOKS.items():
        # If a library's version does not offer what is used, only the numbers of the last interval are lost.
        import_hooks.when_imported(module, hook, component=f"state.{module.partition('.')[0]}")


def _hook_uvicorn(server: ModuleType) -> None:
    wrapt.wrap_function_wrapper(server, "Server.shutdown", _shut_down)


def _hook_celery(signals: ModuleType) -> None:
    signals.worker_process_shutdown.connect(_leave, weak=False, dispatch_uid="hydrochat_otel")


def _hook_rq(worker: ModuleType) -> None:
    wrapt.wrap_function_wrapper(worker, "Worker.perform_job", _perform_job)


_HOOKS: Final[dict[str, Callable[[ModuleType], None]]] = {
    "uvicorn.server": _hook_uvicorn,
    "celery.signals": _hook_celery,
    "rq.worker": _hook_rq,
}


async def _shut_down(
    shutdown: Callable[..., Awaitable[Any]], _: Any, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    try:
        return await shutdown(*arguments, **named)
    finally:
        await asyncio.get_running_loop().run_in_executor(None, _leave_all)


def _perform_job(perform: Callable[..., Any], worker: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    try:
        return perform(*arguments, **named)
    finally:
        if getattr(worker, "is_horse", False):
            _leave()
