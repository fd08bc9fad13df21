"""A rate: what the tokens of one model cost, exact, with context tiers and modalities."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from hydrochat_otel.prices.usage import Modalities, Tokens

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


def femtodollars(usd_per_million: Decimal) -> int:
    """Return the price of one token in femtodollars (1e-15 USD), exact for at most nine decimals."""
    return round(usd_per_million * _PER_MILLION_TO_FEMTODOLLARS)


def usd_per_million(femtodollars_per_token: int) -> Decimal:
    """Return the price of a million tokens in dollars."""
    return Decimal(femtodollars_per_token) / _PER_MILLION_TO_FEMTODOLLARS


@dataclass(frozen=True, slots=True)
class Rate:
    """Prices in femtodollars a token.

    Attributes:
        source: Where the rate comes from.
        input: Of fresh prompt tokens and of tool results.
        cached: Of cached prompt tokens.
        output: Of answers, and of thoughts where `thinking` is None.
        thinking: Of thoughts, where they are not charged like answers.
        modalities: Of tokens that are no text, by direction and modality; what is missing is charged like text.
        tiers: Context tiers, ascending: once the input exceeds the number, that rate holds for the whole call.
    """

    source: Source
    input: int
    cached: int
    output: int
    thinking: int | None = None
    modalities: Mapping[ModalityKey, int] = field(default_factory=dict)
    tiers: tuple[tuple[int, "Rate"], ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged for any token: a known price of zero, which is not a missing one."""
        prices = (self.input, self.cached, self.output, self.thinking or 0, *self.modalities.values())
        return not any(prices) and all(rate.is_free for _, rate in self.tiers)

    def cost_usd(self, tokens: Tokens) -> float:
        """Return what the tokens of one call cost in dollars: summed in whole numbers, rounded once."""
        rate = self
        for above, dearer in self.tiers:
            if tokens.input > above:
                rate = dearer
        return rate._femtodollars(tokens) / _FEMTODOLLARS  # noqa: SLF001 - the same class

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
