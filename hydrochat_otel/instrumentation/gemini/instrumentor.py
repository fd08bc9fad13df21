"""The instrumentor: has the calls of the google-genai SDK counted once the SDK is imported, and undoes it."""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from hydrochat_otel.runtime import import_hooks
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.runtime.import_hooks import Awaited
from hydrochat_otel.runtime.later import later

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.gemini import calls, patched_sdk
    from hydrochat_otel.instrumentation.gemini.calls import Calls
    from hydrochat_otel.prices import book
    from hydrochat_otel.prices.book import PriceBook
else:
    calls = later("hydrochat_otel.instrumentation.gemini.calls")
    patched_sdk = later("hydrochat_otel.instrumentation.gemini.patched_sdk")
    book = later("hydrochat_otel.prices.book")

PACKAGE: Final = "google.genai"


class GeminiInstrumentor:
    """Counts every request that the process makes through the google-genai SDK.

    It does not import the SDK: if the application has not imported it yet, the wrappers are applied when it does, and
    what counts calls is loaded then. Any number of instrumentors may be active; each function is wrapped once, and each
    call is counted once, priced by the price book of the instrumentor that was activated last.

    Args:
        prices_file: The operator's price file, TOML or JSON; it is read at once.

    Raises:
        PriceFileError: The price file cannot be used.
    """

    def __init__(self, prices_file: Path | None = None) -> None:
        self._prices_file = prices_file
        self._lock = ForkLock(reentrant=True)
        self._book: PriceBook | None = None
        self._calls: Calls | None = None
        self._is_on = False
        self._awaited: Awaited | None = None
        if prices_file is not None:
            self._load_prices()

    @property
    def price_book(self) -> "PriceBook":
        """The price book of its calls, loaded on first use."""
        return self._book or self._load_prices()

    @property
    def loaded_price_book(self) -> "PriceBook | None":
        """The price book if it is loaded: before that, no call was priced."""
        return self._book

    @property
    def active(self) -> bool:
        """Whether this instrumentor counts calls; also False while the SDK is not imported yet."""
        return self._calls is not None and patched_sdk.patched_sdk.counts_with(self._calls)

    @property
    def library_version(self) -> str:
        """Version of the SDK, empty until it is imported."""
        return str(getattr(sys.modules.get(PACKAGE), "__version__", ""))

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Functions of the installed SDK whose signature is not the known one, so that their usage is not counted."""
        return patched_sdk.patched_sdk.uncovered if self.active else ()

    def instrument(self) -> None:
        """Apply the wrappers, now or when the SDK is imported; a second call does nothing, and nothing is raised."""
        with self._lock:
            if self._is_on:
                return
            self._is_on = True
        if self._prices_file is not None:
            self.price_book.watch()
        # Without the lock: this waits for a thread that imports the SDK now, and that thread takes it.
        self._awaited = import_hooks.when_imported(PACKAGE, self._apply, component="google_genai.patch")

    def uninstrument(self) -> None:
        """Undo :meth:`instrument`; with the last instrumentor every function of the SDK is the original again."""
        self._is_on = False
        if self._awaited is not None:
            self._awaited.cancel()
        if self._book is not None:
            self._book.unwatch()
        if self._calls is not None:
            self._calls.storage.settle()
            patched_sdk.patched_sdk.remove(self._calls)

    def _load_prices(self) -> "PriceBook":
        with self._lock:
            if self._book is None:
                self._book = book.PriceBook(self._prices_file)
            return self._book

    def _apply(self, _: ModuleType) -> None:
        with self._lock:
            if self._calls is None:
                self._calls = calls.Calls(self.price_book)
        if self._is_on:
            patched_sdk.patched_sdk.add(self._calls)
        if not self._is_on:  # undone by another thread meanwhile
            patched_sdk.patched_sdk.remove(self._calls)
