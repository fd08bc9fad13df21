"""Names of models: from the name in a call or a reply to the bare id, and to the ids that price lists use."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_TUNED: Final = ("tunedModels/", "/tunedModels/", "endpoints/", "/endpoints/")
_LONGEST: Final = 200

TUNED_MODEL: Final = "tuned-model"
"""Label of every tuned model and endpoint: their ids are numbers of the operator's account."""

UNKNOWN_MODEL: Final = "unknown"
"""Label of a call that names no model, such as one that addresses an agent."""


@lru_cache(maxsize=512)
def bare_id(name: str) -> str:
    """Return the bare id of a model: ``models/x``, ``publishers/google/models/x`` and ``google/x`` are all ``x``."""
    name = name[:_LONGEST].strip()
    if name.startswith(_TUNED) or any(part in name for part in _TUNED if part.startswith("/")):
        return TUNED_MODEL
    return name.rsplit("/", 1)[-1].split("@", 1)[0].lower()


def price_ids(model: str) -> Iterator[str]:
    """Yield the ids under which a bare id may be listed with a price, the most exact first."""
    yield model
    shorter = model
    for suffix in ("-latest", "-001", "-002", "-003"):
        shorter = shorter.removesuffix(suffix)
    if shorter != model:
        yield shorter
