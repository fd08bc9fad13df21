"""Charges in addition to tokens: searches, stored cache, images, seconds of video.

A charge is a number of units and the price of one. Google's public price list is written out here with its date; the
operator's price file and, for searches, genai-prices come before it. A unit without a known price is counted and is
unpriced.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple

Charge = Literal[
    "grounding_search", "grounding_maps", "url_context", "code_execution", "cache_storage", "image", "video_second"
]
CHARGES: Final[tuple[Charge, ...]] = (
    "grounding_search",
    "grounding_maps",
    "url_context",
    "code_execution",
    "cache_storage",
    "image",
    "video_second",
)
"""Every kind of charge, the values of ``hydrochat.charge``."""

PRICED_UNITS: Final[Mapping[Charge, int]] = {
    "grounding_search": 1_000,
    "grounding_maps": 1_000,
    "url_context": 1_000,
    "code_execution": 1_000,
    "cache_storage": 1_000_000,
    "image": 1,
    "video_second": 1,
}
"""The units of one stated price: a thousand uses, a million token-hours, one image, one second."""

FREE_CHARGES: Final[frozenset[Charge]] = frozenset({"url_context", "code_execution"})
"""Uses that Google charges as tokens only, which are in the usage already."""

LISTED_ON: Final = "2026-10-14"
"""Date of the public price list that :data:`_LIST` was taken from."""

_GROUNDING: Final[frozenset[Charge]] = frozenset({"grounding_search", "grounding_maps"})
_GENERATION: Final = re.compile(r"gemini-(?P<generation>\d+)(?:\.\d+)?-")
_FIRST_PER_QUERY: Final = 3
_LIST: Final[tuple[tuple[Charge, str, str], ...]] = (
    ("grounding_search", r"gemini-(1\.5|2\.0|2\.5)-", "35"),
    ("grounding_search", r"gemini-[3-9](\.\d+)?-", "14"),
    ("grounding_maps", r"gemini-2\.5-", "25"),
    ("grounding_maps", r"gemini-[3-9](\.\d+)?-", "14"),
    ("cache_storage", r"gemini-(2\.5-pro|3-pro-preview|3\.1-pro-preview)$", "4.50"),
    ("cache_storage", r"gemini-(2\.0-flash|2\.5-flash|2\.5-flash-lite|3-flash-preview|3\.1-flash-lite)$", "1.00"),
    ("image", r"imagen-4\.0-generate-", "0.04"),
    ("image", r"imagen-4\.0-ultra-generate-", "0.06"),
    ("image", r"imagen-4\.0-fast-generate-", "0.02"),
    ("image", r"imagen-3\.0-generate-", "0.03"),
    ("image", r"imagen-3\.0-capability-", "0.04"),
    ("video_second", r"veo-3\.[01]-generate-", "0.40"),
    ("video_second", r"veo-3\.[01]-fast-generate-", "0.15"),
    ("video_second", r"veo-2\.0-generate-", "0.35"),
)
# Source: https://ai.google.dev/gemini-api/docs/pricing, paid tier, without the free allowances of a day or month.

ChargeSource = Literal["file", "genai-prices", "list"]
"""Where the price of a unit comes from: the operator's price file, the genai-prices package, Google's public list."""


class UnitPrice(NamedTuple):
    """What one unit of a charge costs.

    Attributes:
        usd: Dollars for the units that :data:`PRICED_UNITS` names.
        source: Where the price comes from.
    """

    usd: Decimal
    source: ChargeSource

    def cost_usd(self, charge: Charge, units: float) -> float:
        """Return the dollars of these units, rounded once."""
        return float(self.usd * Decimal(units) / PRICED_UNITS[charge])


def listed_price(charge: Charge, model: str) -> UnitPrice | None:
    """Return the price of Google's public list for a bare id, or None if the list does not name the model."""
    if charge in FREE_CHARGES:
        return UnitPrice(Decimal(0), "list")
    for listed, pattern, usd in _LIST:
        if listed == charge and re.match(pattern, model):
            return UnitPrice(Decimal(usd), "list")
    return None


def charged_units(charge: Charge, model: str, uses: int) -> int:
    """Return the units that are charged for the uses of one reply.

    From Gemini 3 on each query of a grounded reply is charged; before, the reply as a whole.
    """
    if charge not in _GROUNDING or not uses:
        return uses
    matched = _GENERATION.match(model)
    return 1 if matched and int(matched["generation"]) < _FIRST_PER_QUERY else uses
