"""The instrumentor: puts the wrappers into the google-genai SDK when it is imported, and takes every one out again."""

import importlib
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import wrapt

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
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.runtime import failures, safe_log
from hydrochat_otel.runtime.forks import ForkLock

logger: Final = logging.getLogger("hydrochat_otel")


class GeminiInstrumentor:
    """Counts every request that the process makes through the google-genai SDK.

    This module does not import the SDK: if the application has not imported it yet, the wrappers are applied when it
    does. Any number of instrumentors may be active; each function is wrapped once, and each call is counted once,
    priced by the price book of the instrumentor that was activated last.

    Args:
        prices_file: The operator's price file, TOML or JSON.

    Raises:
        PriceFileError: The price file cannot be used.
    """

    def __init__(self, prices_file: Path | None = None) -> None:
        self.price_book = PriceBook(prices_file)
        self._calls = Calls(self.price_book)

    @property
    def active(self) -> bool:
        """Whether this instrumentor counts calls; also False while the SDK is not imported yet."""
        return _patches.are_in and self._calls in _patches.holders

    @property
    def library_version(self) -> str:
        """Version of the SDK, empty until it is imported."""
        return _patches.library_version

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Functions of the installed SDK whose signature is not the known one, so that their usage is not counted."""
        return _patches.uncovered if self.active else ()

    def instrument(self) -> None:
        """Apply the wrappers, now or when the SDK is imported; a second call does nothing, and nothing is raised."""
        self.price_book.watch()
        _patches.add(self._calls)

    def uninstrument(self) -> None:
        """Undo :meth:`instrument`; with the last instrumentor every function of the SDK is the original again."""
        self.price_book.unwatch()
        self._calls.storage.settle()
        _patches.remove(self._calls)


class _Patches:
    """The wrapped functions of the process."""

    def __init__(self) -> None:
        self.lock = ForkLock(reentrant=True)
        self.holders: list[Calls] = []
        self.library_version = ""
        self.are_in = False
        self._hooked = False
        self._refused = False
        self._placed: list[tuple[Patch, Function]] = []
        self.uncovered: tuple[str, ...] = ()

    def current(self) -> Calls | None:
        """Return the object that begins calls; one list look-up on the host's path."""
        try:
            return self.holders[-1]
        except IndexError:
            return None

    def add(self, calls: Calls) -> None:
        with self.lock:
            if calls in self.holders:
                return
            self.holders.append(calls)
            self._refused = False
        if PACKAGE in sys.modules:
            self.put_in()
        if not self._hooked:
            self._hooked = True
            for module in (PACKAGE, *LATE):
                if module not in sys.modules:
                    wrapt.register_post_import_hook(_on_import, module)

    def remove(self, calls: Calls) -> None:
        with self.lock:
            if calls in self.holders:
                self.holders.remove(calls)
            if not self.holders:
                self._take_out()

    def put_in(self) -> None:
        with self.lock:
            if not self.holders or self._refused:
                return
            self.library_version = str(getattr(sys.modules.get(PACKAGE), "__version__", ""))
            try:
                standing = {(patch.owner, patch.name) for patch, _ in self._placed}
                self._replace(find_patches(_load, standing))
                standing = {(patch.owner, patch.name) for patch, _ in self._placed}
                self.uncovered = tuple(uncovered(_load, standing))
            except IncompatibleSdkError as error:
                self._refused = True
                failures.note("google_genai.incompatible", error)
                safe_log.error(
                    logger, "Calls to Gemini are not counted: google-genai %s: %s.", self.library_version, error
                )
                return
            self.are_in = True

    def _replace(self, patches: list[Patch]) -> None:
        for patch in patches:
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


_patches: Final = _Patches()


def _load(name: str) -> ModuleType:
    """Import a module of the SDK, except those that it imports on first use only."""
    if "._gaos" in name and name not in sys.modules:
        raise ImportError(name)
    return importlib.import_module(name)


def _on_import(module: ModuleType) -> Any:
    if module.__name__ != PACKAGE and _is_loading(sys.modules.get(PACKAGE)):
        return  # the SDK's own package imports it: its own hook follows, when all of it is loaded
    try:
        _patches.put_in()
    except Exception as error:
        failures.note("google_genai.patch", error)


def _is_loading(package: ModuleType | None) -> bool:
    return bool(getattr(getattr(package, "__spec__", None), "_initializing", False))
