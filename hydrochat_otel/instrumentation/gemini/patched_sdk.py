"""The wrapped functions of the google-genai SDK in this process: puts the wrappers in, and takes every one out again.

It is imported once the SDK is, with everything that counts calls: a process without the SDK does not load it.
"""

import importlib
import logging
import sys
from types import ModuleType
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.patch_points import MARK, PACKAGE
from hydrochat_otel.instrumentation.gemini.sdk_patches import (
    LATE,
    IncompatibleSdkError,
    Patch,
    find_patches,
    uncovered,
)
from hydrochat_otel.instrumentation.gemini.wrappers import Function
from hydrochat_otel.runtime import failures, import_hooks, safe_log
from hydrochat_otel.runtime.forks import ForkLock

logger: Final = logging.getLogger("hydrochat_otel")


class _PatchedSdk:
    """The wrapped functions of the process; any thread may call.

    Attributes:
        holders: What begins calls, for each active instrumentor; the last one is used.
        are_in: Whether the wrappers are in place.
        uncovered: Functions of the SDK whose signature is not the known one.
    """

    def __init__(self) -> None:
        self.lock = ForkLock(reentrant=True)
        self.holders: list[Calls] = []
        self.are_in = False
        self._awaits_late = False
        self._refused = False
        self._placed: list[tuple[Patch, Function]] = []
        self.uncovered: tuple[str, ...] = ()

    def current(self) -> Calls | None:
        """Return the object that begins calls; one list look-up on the host's path."""
        try:
            return self.holders[-1]
        except IndexError:
            return None

    def counts_with(self, calls: Calls) -> bool:
        """Whether the wrappers are in place and the object is one of those that begin calls."""
        return self.are_in and calls in self.holders

    def add(self, calls: Calls) -> None:
        """Count calls with this object from now on; a second call does nothing."""
        with self.lock:
            if calls in self.holders:
                return
            self.holders.append(calls)
            self._refused = False
        self.put_in()
        with self.lock:
            waits, self._awaits_late = not self._awaits_late, True
        if waits:
            for module in LATE:
                import_hooks.when_imported(module, _late_module, component="google_genai.patch")

    def remove(self, calls: Calls) -> None:
        """Undo :meth:`add`; with the last one every function of the SDK is the original again."""
        with self.lock:
            if calls in self.holders:
                self.holders.remove(calls)
            if not self.holders:
                self._take_out()

    def put_in(self) -> None:
        """Wrap every known function that is not wrapped yet.

        The SDK's modules are loaded before the lock is taken: a thread that imports one of them may wait for it.
        """
        try:
            found = find_patches(_load, self._standing())
        except IncompatibleSdkError as error:
            with self.lock:
                if not self.holders or self._refused:
                    return
                self._refused = True
            failures.note("google_genai.incompatible", error)
            version = getattr(sys.modules.get(PACKAGE), "__version__", "")
            safe_log.error(logger, "Calls to Gemini are not counted: google-genai %s: %s.", version, error)
            return
        with self.lock:
            if not self.holders or self._refused:
                return
            self._replace(found)
            self.are_in = True
        self.uncovered = tuple(uncovered(_load, self._standing()))

    def _standing(self) -> set[tuple[Any, str]]:
        with self.lock:
            return {(patch.owner, patch.name) for patch, _ in self._placed}

    def _replace(self, patches: list[Patch]) -> None:
        for patch in patches:
            if vars(patch.owner).get(patch.name) is not patch.original:
                continue  # another thread was faster
            wrapper = patch.point.wrap(patch.original, self.current, patch.point.operation)
            setattr(wrapper, MARK, True)
            setattr(patch.owner, patch.name, wrapper)
            self._placed.append((patch, wrapper))

    def _take_out(self) -> None:
        kept = []
        for patch, wrapper in self._placed:
            if vars(patch.owner).get(patch.name) is wrapper:
                setattr(patch.owner, patch.name, patch.original)
            else:
                # Another library wrapped our wrapper: ours stays below it and passes everything through.
                kept.append((patch, wrapper))
        self._placed = kept
        self.are_in = False


patched_sdk: Final = _PatchedSdk()
"""The process's own."""


def _load(name: str) -> ModuleType:
    """Import a module of the SDK, except those that it imports on first use only."""
    if "._gaos" in name and name not in sys.modules:
        raise ImportError(name)
    return importlib.import_module(name)


def _late_module(_: ModuleType) -> None:
    if not _is_loading(sys.modules.get(PACKAGE)):  # else the package imports it, and its own hook follows
        patched_sdk.put_in()


def _is_loading(package: ModuleType | None) -> bool:
    return bool(getattr(getattr(package, "__spec__", None), "_initializing", False))
