"""The price book: from a model and a day to a rate, and from there to dollars.

Order: the operator's price file, the contract's rate for gemini-2.0-flash-exp, the genai-prices package. A model that
none of them knows is unpriced, which is counted and never taken for free.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from hydrochat_otel.prices.model_names import bare_id, price_ids
from hydrochat_otel.prices.price_file import PriceFile, PriceFileError, read_price_file
from hydrochat_otel.prices.rates import CONTRACT_MODEL, CONTRACT_RATE, ModalityKey, Rate, femtodollars
from hydrochat_otel.prices.usage import STANDARD, Tokens
from hydrochat_otel.runtime import failures
from hydrochat_otel.runtime.forks import ForkLock

RELOAD_INTERVAL_S: Final = 60.0
_DAY_S: Final = 86_400
_MOST_CACHED: Final = 2048
_PROVIDER: Final = "google"
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


class Listing(NamedTuple):
    """One line of the price list: a model, the service tier, and its rate today."""

    model: str
    service_tier: str
    rate: Rate


class PriceBook:
    """Resolves rates; one look-up of a model on a day is kept, so that a call costs two dictionary reads.

    Any thread may call. After construction nothing raises: a price file that turns bad later keeps its old prices and
    is counted under the seam ``prices.reload``.

    Args:
        path: The operator's price file, TOML or JSON.

    Raises:
        PriceFileError: The price file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = ForkLock()
        self._file: PriceFile | None = None if path is None else read_price_file(path)
        self._file_state = _state_of(path)
        self._look_again_s = time.monotonic() + RELOAD_INTERVAL_S
        self._cached: dict[tuple[str, str, int], Rate | None] = {}
        self._book: Any = None
        self._book_dated_unix_s: float | None = None

    def lists(self, model: str) -> bool:
        """Whether the operator's price file or genai-prices names exactly this bare id; never raises."""
        if self._file is not None and any(model == named for named, _ in self._file.rates):
            return True
        try:
            self._load_book()
            return any(info.id == model for info in self._google().models)
        except Exception as error:
            failures.note("prices.load", error)
            return False

    def rate(self, model: str, unix_s: float, service_tier: str = STANDARD) -> Rate | None:
        """Return the rate of a model on the day of a call, or None where no price is known; never raises.

        Args:
            model: Any form of the model's id; the version that answered where it is known.
            unix_s: When the call was made, in seconds since the epoch.
            service_tier: One of :data:`usage.SERVICE_TIERS`.
        """
        if self._path is not None and time.monotonic() >= self._look_again_s:
            self._reload_if_changed()
        cached = self._cached  # a reload replaces it, so that a rate of the old file cannot get into the new one
        key = (model, service_tier, int(unix_s // _DAY_S))
        try:
            return cached[key]
        except KeyError:
            pass
        try:
            rate = self._resolve(bare_id(model), service_tier, unix_s)
        except Exception as error:
            failures.note("prices.resolve", error)
            return None
        if len(cached) >= _MOST_CACHED:
            cached.clear()
        cached[key] = rate
        return rate

    def cost_usd(self, model: str, tokens: Tokens, unix_s: float) -> float | None:
        """Return what the tokens cost in dollars, 0.0 for a free model, None where no price is known."""
        rate = self.rate(model, unix_s, tokens.service_tier)
        return None if rate is None else rate.cost_usd(tokens)

    def age_s(self, now: float) -> float:
        """Return the age in seconds of the older of the sources that are consulted: price file and genai-prices.

        genai-prices states no date for the whole; the newest date of a price in it that lies not in the future stands
        for it.
        """
        dated = [self._load_book()]
        if self._file is not None:
            dated.append(self._file.as_of_unix_s)
        return max(0.0, *(now - date for date in dated if date is not None))

    def preload(self) -> None:
        """Load genai-prices now (some 50 ms), so that no call has to; never raises."""
        try:
            self._load_book()
        except Exception as error:
            failures.note("prices.load", error)

    def listings(self, unix_s: float) -> Iterator[Listing]:
        """Yield every model with a known price, file and contract first."""
        seen: set[tuple[str, str]] = set()
        self._load_book()
        known = [] if self._file is None else list(self._file.rates)
        known.append((CONTRACT_MODEL, STANDARD))
        for info in self._google().models:
            known.append((info.id, STANDARD))
            tiers = {variant.when.get("service_tier") for variant in info.price_variants or ()}
            known.extend((info.id, tier) for tier in sorted(tier for tier in tiers if tier))
        for model, service_tier in known:
            if (model, service_tier) not in seen and (rate := self.rate(model, unix_s, service_tier)) is not None:
                seen.add((model, service_tier))
                yield Listing(model, service_tier, rate)

    def _resolve(self, model: str, service_tier: str, unix_s: float) -> Rate | None:
        ids = tuple(price_ids(model))
        if self._file is not None:
            for name in ids:
                if (rate := self._file.rates.get((name, service_tier))) is not None:
                    return rate
        if CONTRACT_MODEL in ids and service_tier == STANDARD:
            return CONTRACT_RATE
        self._load_book()
        for name in ids:
            info = self._google().find_model(name, all_providers=self._book.providers)
            if info is not None:
                return _rate_of(info, service_tier, datetime.fromtimestamp(unix_s, UTC))
        return None

    def _google(self) -> Any:
        return next(provider for provider in self._book.providers if provider.id == _PROVIDER)

    def _load_book(self) -> float | None:
        """Load genai-prices on first use and return its date; imported here because it costs 0.2 s with pydantic."""
        from genai_prices import data_snapshot  # noqa: PLC0415

        book = data_snapshot.get_snapshot()
        if book is not self._book:
            self._book = book
            self._cached.clear()
            self._book_dated_unix_s = _newest_date_unix_s(book, time.time())
        return self._book_dated_unix_s

    def _reload_if_changed(self) -> None:
        assert self._path is not None
        with self._lock:
            if time.monotonic() < self._look_again_s:
                return
            self._look_again_s = time.monotonic() + RELOAD_INTERVAL_S
            state = _state_of(self._path)
            if state == self._file_state:
                return
            self._file_state = state
            try:
                self._file = read_price_file(self._path)
            except PriceFileError as error:
                failures.note("prices.reload", error)
                return
            self._cached = {}


def _state_of(path: Path | None) -> tuple[int, int] | None:
    try:
        status = None if path is None else path.stat()
    except OSError:
        return None
    return None if status is None else (status.st_mtime_ns, status.st_size)


def _rate_of(info: Any, service_tier: str, when: datetime) -> Rate | None:
    """Translate a model's prices of genai-prices; None for a service tier that it has no prices for."""
    context = None
    if service_tier != STANDARD:
        context = {"service_tier": service_tier}
        if not any(variant.when == context for variant in info.price_variants or ()):
            return None
    prices = {key: value for key, value in vars(info.get_prices(when, context)).items() if value is not None}
    starts = sorted({tier.start for value in prices.values() for tier in getattr(value, "tiers", ())})
    tiers = tuple((start, _flat_rate(prices, start + 1)) for start in starts)
    rate = _flat_rate(prices, 0)
    return Rate(rate.source, rate.input, rate.cached, rate.output, None, rate.modalities, tiers)


def _flat_rate(prices: dict[str, Any], input_tokens: int) -> Rate:
    """Return the rate for a call with so many input tokens; a price that is not listed is charged like its kin."""

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
    return Rate("genai-prices", fresh, fresh if cached is None else cached, price("output_mtok") or 0, None, modalities)


def _newest_date_unix_s(book: Any, now: float) -> float | None:
    if book.from_auto_update:
        fetched: float = book.timestamp.timestamp()
        return fetched
    today = datetime.fromtimestamp(now, UTC).date()
    dates = [
        started
        for provider in book.providers
        for info in provider.models
        for conditional in (info.prices if isinstance(info.prices, list) else ())
        if (started := getattr(conditional.constraint, "start_date", None)) is not None and started <= today
    ]
    if not dates:
        return None
    newest = max(dates)
    return datetime(newest.year, newest.month, newest.day, tzinfo=UTC).timestamp()
