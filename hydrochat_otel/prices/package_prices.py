"""The genai-prices package: loaded on first use, its models translated into rates and prices of charges.

No other module imports it. Loading takes a quarter of a second with pydantic, so it happens in a thread of its own once
the first call to Gemini begins, or in the caller's thread if that needs a price earlier.
"""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from hydrochat_otel.prices.charges import Charge, UnitPrice
from hydrochat_otel.prices.rates import ModalityKey, Rate, femtodollars, like_fresh
from hydrochat_otel.prices.usage import BATCH, STANDARD
from hydrochat_otel.runtime import failures
from hydrochat_otel.runtime.forks import ForkLock, Phase

_PROVIDER: Final = "google"
_SEARCHES: Final = "web_searches_kcount"
_MODALITY_KEYS: Final[tuple[tuple[str, ModalityKey], ...]] = (
    ("input_audio_mtok", ("input", "AUDIO")),
    ("input_image_mtok", ("input", "IMAGE")),
    ("input_video_mtok", ("input", "VIDEO")),
    ("cache_audio_read_mtok", ("cached", "AUDIO")),
    ("cache_image_read_mtok", ("cached", "IMAGE")),
    ("cache_video_read_mtok", ("cached", "VIDEO")),
    ("output_audio_mtok", ("output", "AUDIO")),
    ("output_image_mtok", ("output", "IMAGE")),
    ("output_video_mtok", ("output", "VIDEO")),
)


class PackagePrices:
    """The prices of the installed genai-prices; any thread may call."""

    def __init__(self) -> None:
        self._snapshot: Any = None
        self._models: Any = None
        self._dated_unix_s: float | None = None
        self._loading = False

    @property
    def is_loaded(self) -> bool:
        """Whether a look-up costs no import."""
        return self._snapshot is not None

    def load(self) -> bool:
        """Load the package, or the data that it has fetched since; True if that replaced other prices.

        Raises:
            Exception: Any exception of the package.
        """
        from genai_prices import data_snapshot  # noqa: PLC0415 - see the module's docstring

        snapshot = data_snapshot.get_snapshot()
        if snapshot is self._snapshot:
            return False
        self._models = next(provider for provider in snapshot.providers if provider.id == _PROVIDER)
        self._dated_unix_s = _newest_date_unix_s(snapshot, time.time())
        replaces, self._snapshot = self.is_loaded, snapshot
        return replaces

    def load_soon(self) -> None:
        """Load in a thread of its own, once; never raises and never waits."""
        if self._loading or self.is_loaded:
            return
        self._loading = True
        try:
            threading.Thread(target=self._load_aside, name="hydrochat-otel-prices", daemon=True).start()
        except Exception as error:  # no thread can be started: the first look-up loads
            failures.note("prices.load", error)

    @property
    def dated_unix_s(self) -> float | None:
        """The newest price date that is not in the future; None before :meth:`load`."""
        return self._dated_unix_s

    def lists(self, model: str) -> bool:
        """Whether it names exactly this bare id; False before :meth:`load`."""
        return self.is_loaded and any(info.id == model for info in self._models.models)

    def rate(self, model: str, service_tier: str, unix_s: float) -> Rate | None:
        """Return the rate of a bare id, or None if it has none for the service tier."""
        info = self._find(model)
        return None if info is None else _rate_of(info, service_tier, datetime.fromtimestamp(unix_s, UTC))

    def unit_price(self, charge: Charge, model: str, unix_s: float) -> UnitPrice | None:
        """Return the price of a charge; the package has one for searches only."""
        if charge != "grounding_search" or (info := self._find(model)) is None:
            return None
        usd = vars(info.get_prices(datetime.fromtimestamp(unix_s, UTC))).get(_SEARCHES)
        return None if usd is None else UnitPrice(getattr(usd, "base", usd), "genai-prices")

    def models(self) -> Iterator[tuple[str, str]]:
        """Yield each bare id with each service tier that it has a row for, the standard one first."""
        for info in self._models.models:
            yield info.id, STANDARD
            tiers = {
                BATCH if variant.when.get("processing") == BATCH else variant.when.get("service_tier")
                for variant in info.price_variants or ()
            }
            yield from ((info.id, tier) for tier in sorted(tier for tier in tiers if tier))

    def _find(self, model: str) -> Any:
        return self._models.find_model(model, all_providers=self._snapshot.providers)

    def _load_aside(self) -> None:
        try:
            with _import_guard:
                self.load()
        except Exception as error:
            failures.note("prices.load", error)


def _rate_of(info: Any, service_tier: str, when: datetime) -> Rate | None:
    """Translate a model's prices; None for a service tier without a row on that day."""
    context = None
    if service_tier != STANDARD:
        context = {"processing": BATCH} if service_tier == BATCH else {"service_tier": service_tier}
        if not any(
            variant.when == context and (variant.constraint is None or variant.constraint.active(when))
            for variant in info.price_variants or ()
        ):
            return None
    prices = {key: value for key, value in vars(info.get_prices(when, context)).items() if value is not None}
    starts = sorted({tier.start for value in prices.values() for tier in getattr(value, "tiers", ())})
    tiers = tuple((start, _flat_rate(prices, start + 1)) for start in starts)
    rate = _flat_rate(prices, 0)
    return Rate(rate.source, rate.input, rate.cached, rate.output, None, rate.modalities, tiers)


def _flat_rate(prices: dict[str, Any], input_tokens: int) -> Rate:
    """Return the rate for a call with this many input tokens; an unlisted price is that of the nearest kind."""

    def price(key: str) -> int | None:
        value = prices.get(key)
        if value is None:
            return None
        chosen: Decimal = getattr(value, "base", value)
        for tier in getattr(value, "tiers", ()):
            if input_tokens > tier.start:
                chosen = tier.price
        return femtodollars(chosen)

    fresh = price("input_mtok") or 0
    cached = price("cache_read_mtok")
    modalities = {place: found for key, place in _MODALITY_KEYS if (found := price(key)) is not None}
    if cached is None:
        modalities = like_fresh(modalities)
    return Rate("genai-prices", fresh, fresh if cached is None else cached, price("output_mtok") or 0, None, modalities)


def _newest_date_unix_s(snapshot: Any, now: float) -> float | None:
    if snapshot.from_auto_update:
        fetched: float = snapshot.timestamp.timestamp()
        return fetched
    today = datetime.fromtimestamp(now, UTC).date()
    dates = [
        started
        for provider in snapshot.providers
        for info in provider.models
        for conditional in (info.prices if isinstance(info.prices, list) else ())
        if (started := getattr(conditional.constraint, "start_date", None)) is not None and started <= today
    ]
    if not dates:
        return None
    newest = max(dates)
    return datetime(newest.year, newest.month, newest.day, tzinfo=UTC).timestamp()


_import_guard: Final = ForkLock(Phase.THREADS)
"""Held while a thread imports the package: a child that is forked then would wait for that import forever."""
