"""Modules of ours that a process may never need: imported when one of their names is first read.

The code that uses such a module imports it for the type checker, and gets this stand-in at run time:

    if TYPE_CHECKING:
        from hydrochat_otel.fleet import member
    else:
        member = later("hydrochat_otel.fleet.member")

Names are read through the stand-in when they are used, never at the import of a module.
"""

from importlib import import_module
from types import ModuleType
from typing import Any, Final

from hydrochat_otel.runtime.forks import ForkLock, Phase

_importing: Final = ForkLock(Phase.IMPORTS, reentrant=True)
"""A fork waits for an import that another thread makes: in the child, a half imported module stays unusable."""


class Later:
    """Stands for a module until one of its names is read, and passes every name through afterwards.

    Args:
        name: Full name of the module.
    """

    _module: ModuleType | None = None

    def __init__(self, name: str) -> None:
        self._full_name = name

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            with _importing:
                self._module = import_module(self._full_name)
        return getattr(self._module, name)


def later(name: str) -> Any:
    """Return a stand-in for a module that is imported on first use.

    Args:
        name: Full name of the module.
    """
    return Later(name)
