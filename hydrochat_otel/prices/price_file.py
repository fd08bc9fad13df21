"""The operator's own prices: a TOML or JSON file, read, checked and turned into rates.

as_of = 2025-10-01                  # optional: when the prices were true

[models."gemini-2.5-pro"]           # dollars for a million tokens
input = 1.25
cached = 0.125                      # optional, else like input
output = 10
thinking = 10                       # optional, else like output
input_audio = 1.25                  # optional: input_, cached_ or output_ with audio, image or video

[[models."gemini-2.5-pro".tiers]]   # optional: a higher rate for the whole call
above_input_tokens = 200000
input = 2.50
output = 15

[models."gemini-2.5-pro".service_tiers.flex]   # optional: batch, flex, priority, offpeak or provisioned
input = 0.625
output = 5

[models."gemini-2.5-pro".charges]   # optional: dollars for the units of each charge, see below
cache_storage = 4.50

[models."gemma-3-27b-it"]
free = true

[charges]                           # optional: for every model that has no charges of its own
grounding_search = 14               # for 1000 searches, as grounding_maps, url_context and code_execution
cache_storage = 1.00                # for a million tokens in one hour
image = 0.04                        # for one image
video_second = 0.40                 # for one second

[factors]                           # optional: what a service tier costs of the standard price, without a row
flex = 0.5
priority = 1.8
batch = 0.5
other = 1.0                         # a tier that is not known, which has no price without this line
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, cast

from hydrochat_otel.prices.bounded_parse import UnusableFileError, read_table
from hydrochat_otel.prices.charges import CHARGES, Charge, UnitPrice
from hydrochat_otel.prices.model_names import bare_id
from hydrochat_otel.prices.rates import FINEST_USD_PER_MILLION, ModalityKey, Rate, femtodollars, like_fresh
from hydrochat_otel.prices.usage import SERVICE_TIERS, STANDARD

_DEAREST_USD: Final = Decimal(1_000_000)
_LARGEST_FACTOR: Final = Decimal(100)
_LONGEST_PLACE: Final = 120
_MODALITY_KEYS: Final[Mapping[str, ModalityKey]] = {
    f"{direction}_{modality.lower()}": (direction, modality)
    for direction in cast("tuple[Literal['input', 'cached', 'output'], ...]", ("input", "cached", "output"))
    for modality in ("AUDIO", "IMAGE", "VIDEO")
}
_PRICES: Final = ("input", "cached", "output", "thinking", *_MODALITY_KEYS)
_MODEL_KEYS: Final = (*_PRICES, "tiers", "service_tiers", "charges", "free")
_FILE_KEYS: Final = ("models", "as_of", "charges", "factors")


class PriceFileError(ValueError):
    """A price file cannot be used; the message names the file, the place and what is allowed."""


@dataclass(frozen=True, slots=True)
class PriceFile:
    """The prices of one file.

    Attributes:
        rates: By bare id of the model and service tier.
        as_of_unix_s: The date of the prices: `as_of`, or else when the file was last written.
        charges: Prices of units by bare id (empty for every model) and charge.
        factors: A service tier's price as a factor of the standard one, if the file states it.
    """

    rates: Mapping[tuple[str, str], Rate]
    as_of_unix_s: float
    charges: Mapping[tuple[str, Charge], UnitPrice] = field(default_factory=dict)
    factors: Mapping[str, Decimal] = field(default_factory=dict)


def read_price_file(path: Path) -> PriceFile:
    """Read and check a price file.

    Raises:
        PriceFileError: It cannot be read, or something in it is invalid.
    """
    return _Reader(path).read()


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> PriceFile:
        content, written_unix_s = self._load()
        if unknown := sorted(content.keys() - set(_FILE_KEYS)):
            self._refuse(unknown[0], "is not known; the file has `models` and may have `as_of`, `charges`, `factors`")
        models = content.get("models", {})
        if not isinstance(models, dict) or not (models or content.keys() & {"charges", "factors"}):
            self._refuse("models", "must be a table with at least one model")
        rates: dict[tuple[str, str], Rate] = {}
        charges: dict[tuple[str, Charge], UnitPrice] = self._charges("", content.get("charges", {}), "charges")
        for name, entry in models.items():
            model, place = bare_id(name), f"models.{name}"
            self._read_model(model, place, entry, rates)
            charges |= self._charges(model, entry.get("charges", {}), f"{place}.charges")
        as_of_unix_s = self._as_of(content.get("as_of"), written_unix_s)
        return PriceFile(rates, as_of_unix_s, charges, self._factors(content.get("factors", {})))

    def _load(self) -> tuple[dict[str, Any], float]:
        try:
            content, written_unix_s = read_table(self._path)
        except UnusableFileError as error:
            raise PriceFileError(f"{self._path}: {error}.") from None
        if not isinstance(content, dict):
            raise PriceFileError(f"{self._path}: must hold a table with `models`, not a {type(content).__name__}.")
        return content, written_unix_s

    def _read_model(self, model: str, place: str, entry: Any, rates: dict[tuple[str, str], Rate]) -> None:
        entry = self._table(entry, place, _MODEL_KEYS)
        if (model, STANDARD) in rates:
            self._refuse(place, "is given twice: its bare id {model} was listed before")
        free = entry.get("free", False)
        if not isinstance(free, bool):
            self._refuse(f"{place}.free", "must be true or false")
        if free:
            if len(entry) > 1:
                self._refuse(place, "is free and has prices; give one of the two")
            rates[model, STANDARD] = Rate("file", 0, 0, 0)
            return
        if entry.keys() != {"charges"}:  # what is charged by the unit alone has no tokens
            rates[model, STANDARD] = self._rate(entry, place)
        tiers = self._table(entry.get("service_tiers", {}), f"{place}.service_tiers", SERVICE_TIERS[1:])
        for tier, prices in tiers.items():
            below = f"{place}.service_tiers.{tier}"
            rates[model, tier] = self._rate(self._table(prices, below, (*_PRICES, "tiers")), below)

    def _rate(self, entry: Mapping[str, Any], place: str) -> Rate:
        prices = {key: self._price(entry[key], f"{place}.{key}") for key in _PRICES if key in entry}
        for needed in ("input", "output"):
            if needed not in prices:
                self._refuse(f"{place}.{needed}", "is missing; it is the dollars for a million tokens")
        modalities = {key: prices[name] for name, key in _MODALITY_KEYS.items() if name in prices}
        return Rate(
            "file",
            input=prices["input"],
            cached=prices.get("cached", prices["input"]),
            output=prices["output"],
            thinking=prices.get("thinking"),
            modalities=modalities if "cached" in prices else like_fresh(modalities),
            tiers=self._tiers(entry.get("tiers", []), f"{place}.tiers"),
        )

    def _tiers(self, entries: Any, place: str) -> tuple[tuple[int, Rate], ...]:
        if not isinstance(entries, list):
            self._refuse(place, "must be a list of tables with `above_input_tokens` and prices")
        tiers: dict[int, Rate] = {}
        for number, entry in enumerate(entries):
            below = f"{place}[{number}]"
            entry = self._table(entry, below, (*_PRICES, "above_input_tokens"))  # noqa: PLW2901 - checked, now typed
            above = entry.get("above_input_tokens")
            if isinstance(above, bool) or not isinstance(above, int) or above < 1 or above in tiers:
                self._refuse(f"{below}.above_input_tokens", "must be a whole number of at least 1, each given once")
            tiers[above] = self._rate(entry, below)
        return tuple(sorted(tiers.items()))

    def _price(self, value: Any, place: str) -> int:
        return femtodollars(self._usd(value, place, "dollars for a million tokens"))

    def _usd(self, value: Any, place: str, unit: str = "dollars") -> Decimal:
        usd = self._number(value)
        if usd is None or not 0 <= usd <= _DEAREST_USD or usd % FINEST_USD_PER_MILLION != 0:
            self._refuse(place, f"must be a number of {unit}, from 0 to {_DEAREST_USD} with at most 9 decimals")
        return usd

    def _number(self, value: Any) -> Decimal | None:
        """Return a finite number, or None for anything else."""
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            return None
        try:
            number = Decimal(value)
        except (ArithmeticError, ValueError):
            return None
        return number if number.is_finite() else None

    def _charges(self, model: str, entry: Any, place: str) -> dict[tuple[str, Charge], UnitPrice]:
        entry = self._table(entry, place, CHARGES)
        return {
            (model, charge): UnitPrice(self._usd(entry[charge], f"{place}.{charge}"), "file")
            for charge in CHARGES
            if charge in entry
        }

    def _factors(self, entry: Any) -> dict[str, Decimal]:
        entry = self._table(entry, "factors", SERVICE_TIERS[1:])
        factors = {tier: self._number(value) for tier, value in entry.items()}
        for tier, factor in factors.items():
            if factor is None or not 0 <= factor <= _LARGEST_FACTOR:
                self._refuse(f"factors.{tier}", f"must be a number from 0 to {_LARGEST_FACTOR}")
        return cast("dict[str, Decimal]", factors)

    def _as_of(self, value: Any, written_unix_s: float) -> float:
        if value is None:
            return written_unix_s
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                self._refuse("as_of", "must be a date such as 2025-10-01")
        if not isinstance(value, date) or isinstance(value, datetime):
            self._refuse("as_of", "must be a date such as 2025-10-01")
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()

    def _table(self, value: Any, place: str, allowed: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(place, f"must be a table with {', '.join(allowed)}")
        if unknown := sorted(value.keys() - set(allowed)):
            self._refuse(f"{place}.{unknown[0]}", f"is not known; allowed are {', '.join(allowed)}")
        return value

    def _refuse(self, place: str, why: str) -> NoReturn:
        shown = "".join(sign if sign.isprintable() else "?" for sign in place)[:_LONGEST_PLACE]
        raise PriceFileError(f"{self._path}: {shown} {why}.")
