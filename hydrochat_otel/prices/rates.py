"""A rate: what the tokens of one model cost, exact, with context tiers and modalities."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal

from hydrochat_otel.prices.counts import Modalities
from hydrochat_otel.prices.usage import BATCH, Tokens

Source = Literal["file", "contract", "genai-prices"]
"""Where a rate comes from: the operator's price file, the contract, or the genai-prices package."""

Direction = Literal["input", "cached", "output"]
ModalityKey = tuple[Direction, str]

_FIRST_BY_MODALITY: Final = Tokens._fields.index("fresh_by_modality")
_AFTER_BY_MODALITY: Final = Tokens._fields.index("output_by_modality") + 1
_FEMTODOLLARS: Final = 10**15
_PER_MILLION_TO_FEMTODOLLARS: Final = 10**9
FINEST_USD_PER_MILLION: Final = Decimal("1e-9")
"""Prices are kept in whole femtodollars a token, so this is the finest price for a million."""

FACTORS: Final[Mapping[str, Decimal]] = {
    BATCH: Decimal("0.5"),
    "flex": Decimal("0.5"),
    "priority": Decimal("1.8"),
}
"""What a service tier costs of the standard price of a text model, where no price list has a row for it.

Source: https://ai.google.dev/gemini-api/docs/pricing; the operator's price file may state others.
"""


def femtodollars(usd_per_million: Decimal) -> int:
    """Return the price of one token in femtodollars (1e-15 USD), exact for at most nine decimals."""
    return round(usd_per_million * _PER_MILLION_TO_FEMTODOLLARS)


def usd_per_million(femtodollars_per_token: int) -> Decimal:
    """Return the price of a million tokens in dollars."""
    return Decimal(femtodollars_per_token) / _PER_MILLION_TO_FEMTODOLLARS


def like_fresh(modalities: Mapping[ModalityKey, int]) -> dict[ModalityKey, int]:
    """Return the prices of a model that has none for cached input: cached tokens cost what fresh ones cost."""
    cached = {("cached", name): price for (direction, name), price in modalities.items() if direction == "input"}
    return {**cached, **modalities}  # type: ignore[dict-item]  # mypy widens the literal


@dataclass(frozen=True, slots=True)
class Rate:
    """Prices in femtodollars a token.

    Attributes:
        source: Where the rate comes from.
        input: Of fresh prompt tokens and of tool results.
        cached: Of cached prompt tokens.
        output: Of answers, and of thoughts where `thinking` is None.
        thinking: Of thoughts, where they are not charged like answers.
        modalities: Of tokens that are no text, by direction and modality; one that is missing is charged like text.
        tiers: Context tiers, ascending: once the input exceeds the number, that rate holds for the whole call.
        factor: What it is of the standard rate, where it was derived from that; None for a listed rate.
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
        """Return the rate of a service tier that costs so much of this one."""

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
        """Whether every answer is charged as text, so that Google's factors of service tiers hold."""
        return not any(direction == "output" for direction, _ in self.modalities)

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged for any token: a known price of zero, which is not a missing one."""
        prices = (self.input, self.cached, self.output, self.thinking or 0, *self.modalities.values())
        return not any(prices) and all(rate.is_free for _, rate in self.tiers)

    def cost_usd(self, tokens: Tokens) -> float:
        """Return what the tokens of one call cost in dollars: summed in whole numbers, rounded once."""
        rate = self._at(tokens.input)
        return rate._femtodollars(tokens) / _FEMTODOLLARS  # noqa: SLF001 - the same class

    def saved_usd(self, tokens: Tokens) -> float:
        """Return what the cached tokens of one call cost less than the same tokens fresh; 0.0 if they cost no less."""
        rate = self._at(tokens.input)
        saved = rate._femtodollars(tokens.as_if_fresh()) - rate._femtodollars(tokens)  # noqa: SLF001 - the same class
        return max(saved, 0) / _FEMTODOLLARS

    def _at(self, input_tokens: int) -> "Rate":
        """Return the rate of the context tier."""
        rate = self
        for above, dearer in self.tiers:
            if input_tokens > above:
                rate = dearer
        return rate

    def _femtodollars(self, tokens: Tokens) -> int:
        thinking = self.output if self.thinking is None else self.thinking
        cost = (
            (tokens.input_fresh + tokens.input_tool) * self.input
            + tokens.input_cached * self.cached
            + tokens.output_answer * self.output
            + tokens.output_thinking * thinking
        )
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
"""The rate that the contract states for HydroChat's own model; it names none for cached input."""
