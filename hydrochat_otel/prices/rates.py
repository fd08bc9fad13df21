"""A rate: what the tokens of one model cost, exact, with context tiers and modalities."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal

from hydrochat_otel.prices.counts import Modalities
from hydrochat_otel.prices.usage import BATCH, Tokens
from hydrochat_otel.semconv import TOKEN_BUCKETS

Source = Literal["file", "contract", "genai-prices"]
"""The source of a rate: the operator's price file, the contract, or the genai-prices package."""

Direction = Literal["input", "cached", "output"]
ModalityKey = tuple[Direction, str]

_FIRST_BY_MODALITY: Final = Tokens._fields.index("fresh_by_modality")
_AFTER_BY_MODALITY: Final = Tokens._fields.index("output_by_modality") + 1
_FEMTODOLLARS: Final = 10**15
_PER_MILLION_TO_FEMTODOLLARS: Final = 10**9
FINEST_USD_PER_MILLION: Final = Decimal("1e-9")
"""Prices are stored in whole femtodollars a token, so this is the smallest price for a million."""

FACTORS: Final[Mapping[str, Decimal]] = {
    BATCH: Decimal("0.5"),
    "flex": Decimal("0.5"),
    "priority": Decimal("1.8"),
}
"""Service tiers as factors of a text model's standard price, for tiers without a row in the price lists.

Source: https://ai.google.dev/gemini-api/docs/pricing; the operator's price file may state others.
"""


def femtodollars(usd_per_million: Decimal) -> int:
    """Return the price of one token in femtodollars (1e-15 USD), exact for at most nine decimals."""
    return round(usd_per_million * _PER_MILLION_TO_FEMTODOLLARS)


def usd_per_million(femtodollars_per_token: int) -> Decimal:
    """Return the price of a million tokens in dollars."""
    return Decimal(femtodollars_per_token) / _PER_MILLION_TO_FEMTODOLLARS


def like_fresh(modalities: Mapping[ModalityKey, int]) -> dict[ModalityKey, int]:
    """Return the cached prices of a model that lists none: cached tokens cost the same as fresh ones."""
    cached = {("cached", name): price for (direction, name), price in modalities.items() if direction == "input"}
    return {**cached, **modalities}  # type: ignore[dict-item]  # mypy widens the literal


@dataclass(frozen=True, slots=True)
class Rate:
    """Prices in femtodollars a token.

    Attributes:
        source: Where the rate comes from.
        input: Of fresh prompt tokens and of tool results.
        cached: Of cached prompt tokens.
        output: Of answers, and of thoughts if `thinking` is None.
        thinking: Of thoughts, if they are not charged like answers.
        modalities: Of tokens other than text, by direction and modality; a missing one is charged like text.
        tiers: Context tiers, ascending: once the input exceeds the number, that rate applies to the whole call.
        factor: The factor of the standard rate that it was derived with; None for a listed rate.
    """

    source: Source
    input: int
    cached: int
    output: int
    thinking: int | None = None
    modalities: Mapping[ModalityKey, int] = field(default_factory=dict)
    tiers: tuple[tuple[int, "Rate"], ...] = ()
    factor: Decimal | None = None

    def times(self, factor: Decimal) -> "Rate":
        """Return the rate of a service tier that costs this factor of the rate."""

        def scaled(price: int) -> int:
            return round(price * factor)

        return replace(
            self,
            input=scaled(self.input),
            cached=scaled(self.cached),
            output=scaled(self.output),
            thinking=None if self.thinking is None else scaled(self.thinking),
            modalities={key: scaled(price) for key, price in self.modalities.items()},
            tiers=tuple((above, rate.times(factor)) for above, rate in self.tiers),
            factor=factor,
        )

    @property
    def is_of_text(self) -> bool:
        """Whether every answer is charged as text, so that Google's factors of service tiers apply."""
        return not any(direction == "output" for direction, _ in self.modalities)

    @property
    def is_free(self) -> bool:
        """Whether no token is charged: a known price of zero, which is not a missing one."""
        prices = (self.input, self.cached, self.output, self.thinking or 0, *self.modalities.values())
        return not any(prices) and all(rate.is_free for _, rate in self.tiers)

    def usd_by_bucket(self) -> dict[str, float]:
        """Return the dollars of a million text tokens by bucket, below the first context tier."""
        thinking = self.output if self.thinking is None else self.thinking
        prices = (self.input, self.cached, self.input, self.output, thinking)
        return {bucket: float(usd_per_million(price)) for bucket, price in zip(TOKEN_BUCKETS, prices, strict=True)}

    def cost_usd(self, tokens: Tokens) -> float:
        """Return what the tokens of one call cost in dollars: summed in whole numbers, rounded once."""
        rate = self._at(tokens.input) if self.tiers else self
        return rate._femtodollars(tokens) / _FEMTODOLLARS  # noqa: SLF001 - the same class

    def saved_usd(self, tokens: Tokens) -> float:
        """Return the dollars that the cached tokens of one call saved against fresh ones; 0.0 if they saved none."""
        rate = self._at(tokens.input)
        saved = rate._femtodollars(tokens.as_if_fresh()) - rate._femtodollars(tokens)  # noqa: SLF001 - the same class
        return max(saved, 0) / _FEMTODOLLARS

    def _at(self, input_tokens: int) -> "Rate":
        """Return the rate of the context tier."""
        rate = self
        for above, higher in self.tiers:
            if input_tokens > above:
                rate = higher
        return rate

    def _femtodollars(self, tokens: Tokens) -> int:
        fresh, cached, tool, answer, thoughts = tokens[:5]
        thinking = self.output if self.thinking is None else self.thinking
        cost = (fresh + tool) * self.input + cached * self.cached + answer * self.output + thoughts * thinking
        if self.modalities and any(tokens[_FIRST_BY_MODALITY:_AFTER_BY_MODALITY]):
            cost += self._surcharge("input", tokens.fresh_by_modality, self.input)
            cost += self._surcharge("input", tokens.tool_by_modality, self.input)
            cost += self._surcharge("cached", tokens.cached_by_modality, self.cached)
            cost += self._surcharge("output", tokens.output_by_modality, self.output)
        return cost

    def _surcharge(self, direction: Direction, counts: Modalities, plain: int) -> int:
        prices = self.modalities
        return sum(count * (prices.get((direction, name), plain) - plain) for name, count in counts.items())


CONTRACT_MODEL: Final = "gemini-2.0-flash-exp"
CONTRACT_RATE: Final = Rate(
    "contract",
    input=femtodollars(Decimal("0.10")),
    cached=femtodollars(Decimal("0.10")),
    output=femtodollars(Decimal("0.30")),
)
"""The rate that the contract states for HydroChat's own model; it states none for cached input."""
