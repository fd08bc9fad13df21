"""Uses in a reply that are charged in addition to its tokens: searches, Maps, URLs, code, images. Never content."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from hydrochat_otel.prices.charges import Charge
from hydrochat_otel.prices.counts import is_count, text_of

_BY_TOOL: Final[dict[str, Charge]] = {"google_search": "grounding_search", "google_maps": "grounding_maps"}
_MOST_KEPT: Final = 10_000


class Use(NamedTuple):
    """One use of something that is charged by the unit.

    Attributes:
        charge: What is charged.
        key: Equal for the same use on several chunks of a stream: a hash, never the text.
        units: How many units it is.
    """

    charge: Charge
    key: int
    units: int = 1


class Uses:
    """Collects the uses of one reply over all its chunks: each distinct one counts once."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[Charge, int], int] = {}

    def take(self, uses: Iterable[Use]) -> None:
        """Note the uses of a reply or chunk; a restated count replaces the previous one."""
        for use in uses:
            if len(self._seen) < _MOST_KEPT:
                self._seen[use.charge, use.key] = use.units

    def counts(self) -> dict[Charge, int]:
        """Return the number of uses by charge."""
        counts: dict[Charge, int] = {}
        for (charge, _), units in self._seen.items():
            counts[charge] = counts.get(charge, 0) + units
        return counts

    def __bool__(self) -> bool:
        return bool(self._seen)


def of_candidates(candidates: Any) -> list[Use]:
    """Return the uses that the candidates of generated content state."""
    uses: list[Use] = []
    for candidate in candidates or ():
        said = vars(candidate)
        if (grounding := said.get("grounding_metadata")) is not None:
            uses += _grounding(grounding)
        if (context := said.get("url_context_metadata")) is not None:
            urls = getattr(context, "url_metadata", None) or ()
            uses += [Use("url_context", hash(getattr(url, "retrieved_url", None))) for url in urls]
        content = said.get("content")
        for part in getattr(content, "parts", None) or ():
            if (code := getattr(part, "executable_code", None)) is not None:
                uses.append(Use("code_execution", hash(getattr(code, "code", None))))
    return uses


def of_interaction(usage: Any) -> list[Use]:
    """Return the uses that the usage of an interaction counts."""
    uses: list[Use] = []
    for line in getattr(usage, "grounding_tool_count", None) or ():
        charge = _BY_TOOL.get(text_of(getattr(line, "type", None)))
        count = getattr(line, "count", None)
        if charge is not None and is_count(count) and count:
            uses.append(Use(charge, 0, count))
    return uses


def of_images(images: Any) -> list[Use]:
    """Return the images that were made; one that a filter withheld has no bytes and no address."""
    made = [
        image
        for entry in images or ()
        if (image := getattr(entry, "image", None)) is not None
        and (getattr(image, "image_bytes", None) or getattr(image, "gcs_uri", None))
    ]
    return [Use("image", 0, len(made))] if made else []


def _grounding(grounding: Any) -> list[Use]:
    queries = (
        *(getattr(grounding, "web_search_queries", None) or ()),
        *(getattr(grounding, "image_search_queries", None) or ()),
    )
    uses = [Use("grounding_search", hash(query)) for query in queries]
    chunks = getattr(grounding, "grounding_chunks", None) or ()
    if any(getattr(chunk, "maps", None) is not None for chunk in chunks):
        uses.append(Use("grounding_maps", 0))
    return uses
