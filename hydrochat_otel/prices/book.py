"""The price book: from a model and a day to a rate, and from there to dollars.

Order: the operator's price file, the contract's rate for gemini-2.0-flash-exp, the genai-prices package. If the first
of them that lists the model has no row for a service tier, the tier costs Google's uniform factor of the standard rate.
A model that none of them lists is unpriced: its tokens are counted, and its cost is not zero but unknown.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from hydrochat_otel.prices.bounded_parse import state_of
from hydrochat_otel.prices.charges import CHARGES, Charge, UnitPrice, listed_price
from hydrochat_otel.prices.model_names import bare_id, price_ids
from hydrochat_otel.prices.package_prices import PackagePrices
from hydrochat_otel.prices.price_file import PriceFile, PriceFileError, read_price_file
from hydrochat_otel.prices.rates import CONTRACT_MODEL, CONTRACT_RATE, FACTORS, Rate
from hydrochat_otel.prices.refresher import refresher
from hydrochat_otel.prices.usage import STANDARD, Tokens
from hydrochat_otel.runtime import failures, safe_log

logger: Final = logging.getLogger("hydrochat_otel")

_DAY_S: Final = 86_400
_MOST_CACHED: Final = 2048
MOST_IN_USE: Final = 100
"""Models whose rates are published as a metric; the latest ones if there are more."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_NO_TEXT: Final = re.compile(r"embedding|tts|live|image|imagen|veo")


class Listing(NamedTuple):
    """One line of the price list: a model, the service tier, and its rate today."""

    model: str
    service_tier: str
    rate: Rate


class ChargeListing(NamedTuple):
    """One line of the list of charges: the model, the charge, and the price of its units today."""

    model: str
    charge: Charge
    price: UnitPrice


class PriceBook:
    """Resolves rates; one look-up of a model on a day is cached, so that a call costs two dictionary reads.

    Any thread may call. After construction nothing raises and no file is read on a caller's path: a background thread
    checks the price file, see :meth:`watch`.

    Args:
        path: The operator's price file, TOML or JSON.

    Raises:
        PriceFileError: The price file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file_state = None if path is None else state_of(path)
        self._file: PriceFile | None = None if path is None else read_price_file(path)
        self._package = PackagePrices()
        self._rates: dict[tuple[str, str, int], Rate | None] = {}
        self._unit_prices: dict[tuple[str, Charge, int], UnitPrice | None] = {}

    def watch(self) -> None:
        """Check the price file once a minute, in a thread of its own; never raises."""
        if self._path is not None:
            refresher.watch(self)

    def unwatch(self) -> None:
        """Undo :meth:`watch`."""
        refresher.forget(self)

    def refresh(self) -> None:
        """Read the price file again if it changed; the last valid prices stay if it cannot be used."""
        path = self._path
        if path is None or (state := state_of(path)) == self._file_state:
            return
        self._file_state = state
        try:
            self._file = read_price_file(path)
        except PriceFileError as error:
            failures.note("prices.reload", error, quiet=True)
            safe_log.error(logger, "%s The last valid prices stay in use.", error)
            return
        self._forget_resolved()

    def lists(self, model: str) -> bool:
        """Whether the price file or genai-prices names exactly this bare id; never raises.

        Begins to load genai-prices if it is not loaded, and does not wait for it.
        """
        if self._file is not None and any(model == named for named, _ in self._file.rates):
            return True
        self._package.load_soon()
        try:
            return self._package.lists(model)
        except Exception as error:
            failures.note("prices.load", error)
            return False

    def rate(self, model: str, unix_s: float, service_tier: str = STANDARD) -> Rate | None:
        """Return the rate of a model on the day of a call, or None if no price is known; never raises.

        Args:
            model: Any form of the model's id; the version that answered if it is known.
            unix_s: When the call was made, in seconds since the epoch.
            service_tier: One of :data:`usage.SERVICE_TIERS`.
        """
        resolved = (
            self._rates
        )  # a reload replaces the dictionary, so that a rate of the old file cannot get into the new one
        key = (model, service_tier, int(unix_s // _DAY_S))
        try:
            return resolved[key]
        except KeyError:
            return _keep(resolved, key, lambda: self._resolve(bare_id(model), service_tier, unix_s))

    def rates(self, model: str, moments_unix_s: Sequence[float]) -> list[Rate | None]:
        """Return the standard rate of a model at each moment; moments of one day are looked up once."""
        first, last = min(moments_unix_s), max(moments_unix_s)
        if first // _DAY_S == last // _DAY_S:
            return [self.rate(model, first)] * len(moments_unix_s)
        return [self.rate(model, one) for one in moments_unix_s]

    def unit_price(self, charge: Charge, model: str, unix_s: float) -> UnitPrice | None:
        """Return the price of a charge's units on the day of a call, or None if none is known; never raises."""
        resolved = self._unit_prices
        key = (model, charge, int(unix_s // _DAY_S))
        try:
            return resolved[key]
        except KeyError:
            return _keep(resolved, key, lambda: self._resolve_charge(bare_id(model), charge, unix_s))

    def cost_usd(self, model: str, tokens: Tokens, unix_s: float) -> float | None:
        """Return what the tokens cost in dollars, 0.0 for a free model, None if no price is known."""
        rate = self.rate(model, unix_s, tokens.service_tier)
        return None if rate is None else rate.cost_usd(tokens)

    def age_s(self, now: float) -> float:
        """Return the age in seconds of the older of the two sources, price file and genai-prices.

        genai-prices states no date for the whole; its newest price date that is not in the future is used instead.
        Loads genai-prices: for threads that export, not for calls.
        """
        self._load_package()
        dated = [self._package.dated_unix_s]
        if self._file is not None:
            dated.append(self._file.as_of_unix_s)
        return max(0.0, *(now - date for date in dated if date is not None))

    def listings(self, unix_s: float) -> Iterator[Listing]:
        """Yield every model with a known price, file and contract first."""
        seen: set[tuple[str, str]] = set()
        self._load_package()
        known = [] if self._file is None else list(self._file.rates)
        for model, service_tier in (*known, (CONTRACT_MODEL, STANDARD), *self._package.models()):
            if (model, service_tier) not in seen and (rate := self.rate(model, unix_s, service_tier)) is not None:
                seen.add((model, service_tier))
                yield Listing(model, service_tier, rate)

    def in_use(self, unix_s: float) -> Iterator[Listing]:
        """Yield the standard rate of each model that was priced lately, at most :data:`MOST_IN_USE`; never raises."""
        used = dict.fromkeys(model for model, *_ in reversed(list(self._rates)))
        for model in list(used)[:MOST_IN_USE]:
            if (rate := self.rate(model, unix_s)) is not None:
                yield Listing(model, STANDARD, rate)

    def charge_listings(self, model: str, unix_s: float) -> Iterator[ChargeListing]:
        """Yield the known prices of a model's charges."""
        for charge in CHARGES:
            if (price := self.unit_price(charge, model, unix_s)) is not None:
                yield ChargeListing(model, charge, price)

    def _resolve(self, model: str, service_tier: str, unix_s: float) -> Rate | None:
        ids = tuple(price_ids(model))
        factor = None if service_tier == STANDARD or _NO_TEXT.search(model) else self._factor(service_tier)
        for name in ids:
            if self._file is not None and (rate := _tiered(self._file_rate, name, service_tier, factor)) is not None:
                return rate
        if CONTRACT_MODEL in ids:
            return _tiered(_contract_rate, CONTRACT_MODEL, service_tier, factor)
        self._load_package()

        def listed(name: str, tier: str) -> Rate | None:
            return self._package.rate(name, tier, unix_s)

        for name in ids:
            if (rate := _tiered(listed, name, service_tier, factor)) is not None:
                return rate
        return None

    def _resolve_charge(self, model: str, charge: Charge, unix_s: float) -> UnitPrice | None:
        ids = (*price_ids(model), "")  # the file's prices for every model come after those of the model
        if self._file is not None:
            for name in ids:
                if (price := self._file.charges.get((name, charge))) is not None:
                    return price
        self._load_package()
        for name in ids[:-1]:
            price = self._package.unit_price(charge, name, unix_s) or listed_price(charge, name)
            if price is not None:
                return price
        return None

    def _file_rate(self, model: str, service_tier: str) -> Rate | None:
        return None if self._file is None else self._file.rates.get((model, service_tier))

    def _factor(self, service_tier: str) -> Decimal | None:
        stated = {} if self._file is None else self._file.factors
        return stated.get(service_tier, FACTORS.get(service_tier))

    def _load_package(self) -> None:
        if self._package.load():
            self._forget_resolved()

    def _forget_resolved(self) -> None:
        self._rates = {}
        self._unit_prices = {}


def _contract_rate(_model: str, service_tier: str) -> Rate | None:
    return CONTRACT_RATE if service_tier == STANDARD else None


def _tiered(
    rate_of: Callable[[str, str], Rate | None], model: str, service_tier: str, factor: Decimal | None
) -> Rate | None:
    """Return the row of the service tier, or the standard one times the factor."""
    rate = rate_of(model, service_tier)
    if rate is None and factor is not None:
        standard = rate_of(model, STANDARD)
        if standard is not None and standard.is_of_text:
            return standard.times(factor)
    return rate


def _keep(kept: dict[_Key, _Value | None], key: _Key, resolve: Callable[[], _Value | None]) -> _Value | None:
    """Return the cached value, or resolve and cache it; None, and not cached, if that fails."""
    try:
        value = resolve()
    except Exception as error:
        failures.note("prices.resolve", error)
        return None
    if len(kept) >= _MOST_CACHED:
        kept.clear()
    kept[key] = value
    return value
