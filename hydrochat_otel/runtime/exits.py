"""Publishes the last measurements of processes that exit in an orderly way without running exit handlers.

Children of multiprocessing and of Celery's billiard run handlers of their own and then exit at once; uvicorn, after its
shutdown, raises the signal again that it had caught, which ends the process.
"""

import asyncio
import sys
import weakref
from collections.abc import Awaitable, Callable
from functools import cache
from types import ModuleType
from typing import Any, Final, Protocol

import wrapt

from hydrochat_otel.runtime import failures

_CHILDREN_OF: Final = ("multiprocessing.util", "billiard.util")
_LAST: Final = -1000
"""Priority among the handlers of such a child."""


class Leaving(Protocol):
    """An object that has work to do before the process ends."""

    def leave(self) -> None:
        """Do the work within a few seconds; may be called several times, and during the process's life."""


_leaving: Final[weakref.WeakSet[Leaving]] = weakref.WeakSet()


def watch(one: Leaving) -> None:
    """Call its :meth:`Leaving.leave` before the process ends in one of the ways above."""
    _leaving.add(one)
    _watch_uvicorn()
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _finalize(sys.modules["multiprocessing.util"])


def after_fork_in_child() -> None:
    """Watch a child that one of these libraries has forked."""
    for util in filter(None, map(sys.modules.get, _CHILDREN_OF)):
        # The library drops all handlers of the parent right after this, and then calls back.
        util.register_after_fork(_leave_all, lambda _, util=util: _finalize(util))


def _finalize(util: ModuleType) -> None:
    util.Finalize(None, _leave_all, exitpriority=_LAST)


def _leave_all() -> None:
    for one in list(_leaving):
        try:
            one.leave()
        except BaseException as error:
            failures.note("state.leave", error)


@cache
def _watch_uvicorn() -> None:
    wrapt.register_post_import_hook(_wrap_uvicorn, "uvicorn.server")


def _wrap_uvicorn(server: ModuleType) -> None:
    try:
        wrapt.wrap_function_wrapper(server, "Server.shutdown", _shut_down)
    except BaseException as error:  # an unknown version: what it measures in its last interval may be lost
        failures.note("state.uvicorn", error)


async def _shut_down(
    shutdown: Callable[..., Awaitable[Any]], _: Any, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    try:
        return await shutdown(*arguments, **named)
    finally:
        await asyncio.get_running_loop().run_in_executor(None, _leave_all)
