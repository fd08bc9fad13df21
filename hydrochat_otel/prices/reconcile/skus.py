"""Reads stock-keeping units: which model, and whether it counts tokens or something else.

Google writes the same model in many ways: ``Gemini 2.5 Flash GA Text Input - Predictions``, ``Generate_content text
output token count for gemini 3 pro short``, ``gemini-2.5-flash``. A text belongs to the longest known model whose words
it contains in sequence.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from hydrochat_otel.prices.model_names import bare_id, price_ids

UNKNOWN: Final = "(unknown model)"
"""Name for unknown models of the vendor."""
GROUNDING: Final = "(grounding)"
"""Name for search queries, which Google bills without a model."""
FOREIGN: Final = "(no model)"
"""Name for everything else on a bill."""

Kind = Literal["tokens", "batch", "storage", "grounding", "other"]

_VENDOR: Final = re.compile(
    r"gemini|gemma|imagen|\bveo\b|embedding|vertex ai|generate.?content|generative", re.IGNORECASE
)
_GAP: Final = re.compile(r"[^a-z0-9.]+")
_WHOLE: Final = re.compile(r"\b(\d+)\.0\b")
_RELEASE: Final = re.compile(r"-(preview|exp)(-[\d-]+)?$|-\d\d-\d{4}$")
_IMAGE_OF_MODALITY: Final = re.compile(r"(?<!-native)-image-(?=(?:input|cached|caching|token)\b)")
_NO_PART: Final = re.compile(r"-(?:ga|native)-")
_GROUNDING: Final = re.compile(r"grounding|search quer", re.IGNORECASE)
_STORAGE: Final = re.compile(r"storage", re.IGNORECASE)
_BATCH: Final = re.compile(r"\bbatch\b", re.IGNORECASE)
_LONGEST: Final = 512


class Sku(NamedTuple):
    """The model that a text names and what its amounts count."""

    model: str
    kind: Kind


class Skus:
    """Matches SKU texts to the known models.

    Args:
        models: Ids of models, as the price book and the metered side name them.
    """

    def __init__(self, models: Iterable[str]) -> None:
        exact = {_words(name): name for name in sorted({normalised(model) for model in models})}
        released = {_words(_RELEASE.sub("", name)): name for name in sorted(exact.values())}
        self._by_words = released | exact
        self._longest_first = sorted(self._by_words, key=len, reverse=True)
        self.read = lru_cache(maxsize=4096)(self._read)

    def _read(self, text: str) -> Sku:
        text = text[:_LONGEST]
        model = self._model(text)
        if _GROUNDING.search(text):
            return Sku(GROUNDING if model in {UNKNOWN, FOREIGN} else model, "grounding")
        if model == FOREIGN:
            return Sku(FOREIGN, "other")
        if _STORAGE.search(text):
            return Sku(model, "storage")
        return Sku(model, "batch" if _BATCH.search(text) else "tokens")

    def _model(self, text: str) -> str:
        name = _words(normalised(text))
        if name in self._by_words:
            return self._by_words[name]
        words = _words(text)
        # "2.5 Flash Image Input" is the image part of an input of 2.5 Flash; "2.5 Flash Image Image Input" is not.
        words = _NO_PART.sub("-", _IMAGE_OF_MODALITY.sub("-|-", words))
        found = next((known for known in self._longest_first if known in words), None)
        if found is not None:
            return self._by_words[found]
        return UNKNOWN if _VENDOR.search(text) else FOREIGN


def normalised(model: str) -> str:
    """Return the id under which a model is compared: bare, and without release suffix."""
    *_, shortest = price_ids(bare_id(model))
    return shortest


def _words(text: str) -> str:
    """Return the words of a text between dashes, ``3.0`` as ``3``."""
    whole = _WHOLE.sub(r"\1", _GAP.sub("-", text.lower()))
    return f"-{whole.strip('-')}-"
