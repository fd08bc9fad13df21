"""What a request to the emulator uses and costs: tokens in buckets, rates written out by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

TIER_FACTORS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {"standard": Decimal(1), "flex": Decimal("0.5"), "batch": Decimal("0.5"), "priority": Decimal("1.8")}
)
"""Service tiers as factors of the standard price, as in Google's price list for its text models."""

_MILLION: Final = 1_000_000
_TIER_TOKENS: Final = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Tokens in five disjoint buckets."""

    input_fresh: int = 0
    input_cached: int = 0
    input_tool: int = 0
    output_answer: int = 0
    output_thinking: int = 0

    def __add__(self, other: "Buckets") -> "Buckets":
        return Buckets(
            input_fresh=self.input_fresh + other.input_fresh,
            input_cached=self.input_cached + other.input_cached,
            input_tool=self.input_tool + other.input_tool,
            output_answer=self.output_answer + other.output_answer,
            output_thinking=self.output_thinking + other.output_thinking,
        )

    @property
    def input(self) -> int:
        """Tokens billed as input."""
        return self.input_fresh + self.input_cached + self.input_tool

    @property
    def output(self) -> int:
        """Tokens billed as output."""
        return self.output_answer + self.output_thinking

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.output


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What one request used: tokens, how many of the input tokens were audio, and the total that the wire stated.

    `reported_total` is None if the reply had no usage or the usage had no total. `tier` is the service tier that served
    it, a key of :data:`TIER_FACTORS` or one without a price.
    """

    buckets: Buckets = Buckets()
    fresh_audio: int = 0
    cached_audio: int = 0
    reported_total: int | None = None
    tier: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """US dollars for a million tokens; `above_200k` replaces the whole rate once the input exceeds 200 000 tokens."""

    input_usd: Decimal
    cached_usd: Decimal
    output_usd: Decimal
    audio_usd: Decimal | None = None
    cached_audio_usd: Decimal | None = None
    above_200k: "Rate | None" = None

    def cost_usd(self, used: Consumption) -> Decimal:
        """Return the dollars of one request, exact: thinking at the output rate, tool results at the input rate."""
        if self.above_200k is not None and used.buckets.input > _TIER_TOKENS:
            return self.above_200k.cost_usd(used)
        tokens = used.buckets
        audio_usd = self.input_usd if self.audio_usd is None else self.audio_usd
        cached_audio_usd = self.cached_usd if self.cached_audio_usd is None else self.cached_audio_usd
        factor = TIER_FACTORS[used.tier]
        cached_factor = 1 if used.tier == "batch" else factor  # a batch pays the standard price for cached input
        return (
            (tokens.input_fresh - used.fresh_audio + tokens.input_tool) * self.input_usd * factor
            + used.fresh_audio * audio_usd * factor
            + (tokens.input_cached - used.cached_audio) * self.cached_usd * cached_factor
            + used.cached_audio * cached_audio_usd * cached_factor
            + tokens.output * self.output_usd * factor
        ) / _MILLION

    def saved_usd(self, used: Consumption) -> Decimal:
        """Return the dollars that the cached input saved against fresh input."""
        tokens = used.buckets
        fresh = Buckets(
            input_fresh=tokens.input_fresh + tokens.input_cached,
            input_tool=tokens.input_tool,
            output_answer=tokens.output_answer,
            output_thinking=tokens.output_thinking,
        )
        audio = used.fresh_audio + used.cached_audio
        return self.cost_usd(replace(used, buckets=fresh, fresh_audio=audio, cached_audio=0)) - self.cost_usd(used)


def _rate(input_usd: str, cached_usd: str, output_usd: str, *audio: str, above_200k: Rate | None = None) -> Rate:
    audio_usd, cached_audio_usd = (Decimal(usd) for usd in audio) if audio else (None, None)
    return Rate(
        input_usd=Decimal(input_usd),
        cached_usd=Decimal(cached_usd),
        output_usd=Decimal(output_usd),
        audio_usd=audio_usd,
        cached_audio_usd=cached_audio_usd,
        above_200k=above_200k,
    )


# Source: https://ai.google.dev/gemini-api/docs/pricing, standard tier; a test compares each rate with genai-prices.
# gemini-2.0-flash-exp is the contract's own rate, which states none for cached input: it costs the same as fresh input.
RATES: Final[Mapping[str, Rate]] = MappingProxyType(
    {
        "gemini-2.0-flash-exp": _rate("0.10", "0.10", "0.30"),
        "gemini-2.0-flash": _rate("0.10", "0.025", "0.40", "0.70", "0.175"),
        "gemini-2.5-flash": _rate("0.30", "0.03", "2.50", "1.00", "0.10"),
        "gemini-2.5-flash-lite": _rate("0.10", "0.01", "0.40", "0.30", "0.03"),
        "gemini-2.5-pro": _rate("1.25", "0.125", "10", above_200k=_rate("2.50", "0.25", "15")),
        "gemini-3-flash-preview": _rate("0.50", "0.05", "3", "1.00", "0.10"),
        "gemini-embedding-001": _rate("0.15", "0.15", "0"),
        "gemini-embedding-2": _rate("0.20", "0.20", "0", "6.50", "6.50"),
    }
)


def rate_for(model: str, tier: str = "standard") -> Rate | None:
    """Return the rate of a bare id, without a release suffix such as `-001`; None for a model or tier without one."""
    if tier not in TIER_FACTORS:
        return None
    return RATES.get(model) or RATES.get(model.removesuffix("-001"))


NOTHING: Final = Consumption()
"""The usage of a request that is not billed."""
