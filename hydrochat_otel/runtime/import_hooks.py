"""Calls a function once a module is imported, and imports none itself.

A finder in front of the others recognises the awaited modules. Another finder finds them, and the hooks run in the
importing thread after the module was executed, before the import statement returns. An awaited module keeps its own
loader, and nothing of ours stays on it. A hook that fails is counted; the import succeeds.
"""

import copy
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final, cast

from hydrochat_otel.runtime import failures

Hook = Callable[[ModuleType], object]


class Awaited:
    """A hook that waits for a module; it is called at most once.

    Args:
        module: Full name of the module.
        hook: Takes the module.
        component: The component under which a failure is counted.
    """

    def __init__(self, module: str, hook: Hook, component: str) -> None:
        self._module = module
        self._component = component
        self._hooks = [hook]  # taking it out is one step of the interpreter: no two threads call it

    def cancel(self) -> None:
        """Call the hook no more; a second call does nothing."""
        self._hooks.clear()
        _finder.forget(self._module, self)

    def call(self, module: ModuleType) -> None:
        """Call the hook, unless it was called or cancelled."""
        try:
            hook = self._hooks.pop()
        except IndexError:
            return
        try:
            failures.contained(self._component, hook, module)
        except BaseException:  # the host raised it into the hook, so the import fails and may be repeated
            self._hooks.append(hook)
            raise
        _finder.forget(self._module, self)


def when_imported(module: str, hook: Hook, *, component: str) -> Awaited:
    """Call a hook when the module is imported, or now if it is; any thread may call.

    Waits for an import of the module by another thread.

    Args:
        module: Full name of the module.
        hook: Takes the module.
        component: The component under which a failure of the hook is counted.
    """
    awaited = Awaited(module, hook, component)
    _finder.add(module, awaited)  # before looking: an import that begins now meets the finder
    if sys.modules.get(module) is not None:
        failures.contained(component, lambda: awaited.call(import_module(module)))
    return awaited


class _Finder:
    """Finds awaited modules by asking the other finders; in `sys.meta_path` for the life of the process."""

    def __init__(self) -> None:
        self._awaited: dict[str, list[Awaited]] = {}
        self._asking = threading.local()  # another library's finder may ask all finders, this one included

    def add(self, module: str, awaited: Awaited) -> None:
        self._awaited.setdefault(module, []).append(awaited)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def forget(self, module: str, awaited: Awaited) -> None:
        with suppress(ValueError):
            self._awaited[module].remove(awaited)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification that another finder has for an awaited module; None for every other module."""
        before = getattr(self._asking, "name", None)
        if before == fullname or not self._awaited.get(fullname):
            return None
        self._asking.name = fullname
        try:
            spec = _found_by_others(self, fullname, path, target)
        finally:
            self._asking.name = before
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = cast("Any", _Loader(self, spec.loader))
        return spec

    def imported(self, module: ModuleType, name: str) -> None:
        for awaited in tuple(self._awaited.get(name, ())):
            awaited.call(module)

    def __repr__(self) -> str:
        awaited = ", ".join(name for name, hooks in self._awaited.items() if hooks)
        return f"<finder of hydrochat_otel, waits for {awaited or 'nothing'}>"


class _Loader:
    """Loads a module with its own loader, which the module then has, and calls the hooks.

    Code that only looks for the module sees this one. Copied or stored, it is the module's own loader.
    """

    def __init__(self, finder: _Finder, loader: Any) -> None:
        self._finder = finder
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return copy.copy, (self._loader,)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        holders: tuple[tuple[Any, str], ...] = ((module.__spec__, "loader"), (module, "__loader__"))
        for holder, name in holders:
            if getattr(holder, name, None) is self:
                setattr(holder, name, self._loader)
        self._loader.exec_module(module)
        self._finder.imported(module, module.__name__)


def _found_by_others(
    ours: _Finder, fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    for finder in tuple(sys.meta_path):
        find: Any = getattr(finder, "find_spec", None)
        if finder is ours or find is None:
            continue
        spec: ModuleSpec | None = find(fullname, path, target)
        if spec is not None:
            return spec
    return None


_finder: Final = _Finder()
