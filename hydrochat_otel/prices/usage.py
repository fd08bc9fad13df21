"""The token ledger: one usage record of Gemini becomes five disjoint buckets, or is marked as not balancing.

What the service counts: cached tokens are inside the prompt; tool-use tokens stand beside it; thoughts stand beside
the candidates, except where prompt + tool + candidates are already the total: then they are inside.

Spec: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from hydrochat_otel import semconv

Modalities = Mapping[str, int]
"""Tokens by upper-case modality (``AUDIO``); text and what is not told are left out."""

_NO_MODALITIES: Final[Modalities] = {}
MODALITIES: Final = frozenset({"AUDIO", "IMAGE", "VIDEO"})
"""Modalities that a price list may charge otherwise than text; whatever else a reply names counts as text."""

_COUNTS: Final = (
    ("prompt_token_count", "total_input_tokens"),
    ("cached_content_token_count", "total_cached_tokens"),
    ("tool_use_prompt_token_count", "total_tool_use_tokens"),
    ("candidates_token_count", "response_token_count", "total_output_tokens"),
    ("thoughts_token_count", "total_thought_tokens"),
    ("total_token_count", "total_tokens"),
)
"""Names of each count: of generated content, of live sessions, of interactions."""
_DETAILS: Final = (
    ("prompt_tokens_details", "input_tokens_by_modality"),
    ("cache_tokens_details", "cached_tokens_by_modality"),
    ("tool_use_prompt_tokens_details", "tool_use_tokens_by_modality"),
    ("candidates_tokens_details", "response_tokens_details", "output_tokens_by_modality"),
)

_TIER_BY_TRAFFIC: Final[Mapping[str, str]] = {
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_OFFPEAK": "offpeak",
    "PROVISIONED_THROUGHPUT": "provisioned",
}
_SERVICE_TIERS: Final = frozenset({"flex", "priority"})
STANDARD: Final = "standard"
SERVICE_TIERS: Final = (STANDARD, "flex", "priority", "offpeak", "provisioned")
"""Every service tier that a price can be for; the first is what is charged where the reply names none."""


class Tokens(NamedTuple):
    """What one call used.

    The five buckets are disjoint. `by_modality` tell how many of a bucket's tokens are no text; they are parts of the
    buckets, never more. `reconciled` is False where the record is missing, states no total, or does not balance.
    """

    input_fresh: int = 0
    input_cached: int = 0
    input_tool: int = 0
    output_answer: int = 0
    output_thinking: int = 0
    reconciled: bool = False
    fresh_by_modality: Modalities = _NO_MODALITIES
    cached_by_modality: Modalities = _NO_MODALITIES
    tool_by_modality: Modalities = _NO_MODALITIES
    output_by_modality: Modalities = _NO_MODALITIES
    service_tier: str = STANDARD

    @property
    def buckets(self) -> tuple[int, int, int, int, int]:
        """The buckets in the order of :data:`semconv.TOKEN_BUCKETS`."""
        return self[: len(semconv.TOKEN_BUCKETS)]  # type: ignore[return-value]  # a slice of a named tuple is untyped

    @property
    def modalities(self) -> tuple[tuple[semconv.TokenBucket, Modalities], ...]:
        """The buckets that hold more than text, each with its tokens by modality."""
        by_bucket: tuple[tuple[semconv.TokenBucket, Modalities], ...] = (
            ("input_fresh", self.fresh_by_modality),
            ("input_cached", self.cached_by_modality),
            ("input_tool", self.tool_by_modality),
            ("output_answer", self.output_by_modality),
        )
        return tuple(pair for pair in by_bucket if pair[1])

    @property
    def input(self) -> int:
        """Tokens that are charged as input; their number decides the context tier."""
        return self.input_fresh + self.input_cached + self.input_tool

    @property
    def output(self) -> int:
        """Tokens that are charged as output."""
        return self.output_answer + self.output_thinking

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.output


MISSING: Final = Tokens()
"""The ledger of a call whose reply had no usage record."""


class UsageRecord:
    """Gathers the usage of one reply, streamed or not.

    Counts on the chunks of a stream are cumulative, so the last that is not null stands, field by field, and nothing
    is ever added up. One record belongs to one call; :meth:`take` never raises on what a service sends.
    """

    __slots__ = ("_counts", "_details", "_tier")

    def __init__(self) -> None:
        self._counts: list[int | None] = [None] * len(_COUNTS)
        self._details: list[Any] = [None] * len(_DETAILS)
        self._tier = STANDARD

    def take(self, usage: Any) -> None:
        """Read one usage record of the SDK (``response.usage_metadata``), which may be None."""
        if usage is None:
            return
        stated = vars(usage)  # a look-up of what a model of pydantic does not have costs a microsecond each
        _take_last(self._counts, stated, _COUNTS)
        _take_last(self._details, stated, _DETAILS)
        if (traffic := stated.get("traffic_type")) is not None:
            self._tier = _TIER_BY_TRAFFIC.get(_text(traffic), STANDARD)
        if (tier := stated.get("service_tier")) is not None:
            self.take_service_tier(_text(tier))

    def take_service_tier(self, tier: str) -> None:
        """Note the service tier that the reply was served from, by the API's name for it."""
        self._tier = tier.lower() if tier.lower() in _SERVICE_TIERS else STANDARD

    def take_prompt(self, tokens: int) -> None:
        """Note a reply that knows input tokens only, as an embedding does: they are the total."""
        self._counts[0] = self._counts[5] = tokens

    @property
    def is_known(self) -> bool:
        """Whether any count was taken."""
        return any(count is not None for count in self._counts)

    def tokens(self) -> Tokens:
        """Return the ledger of what was taken so far."""
        if not self.is_known:
            return MISSING._replace(service_tier=self._tier)
        prompt, cached, tool, candidates, thoughts = (count or 0 for count in self._counts[:5])
        tokens = balance(prompt, cached, tool, candidates, thoughts, total=self._counts[5])
        if not any(self._details):
            return tokens._replace(service_tier=self._tier)
        of_prompt, of_cache, of_tool, of_output = (_modalities(details) for details in self._details)
        cached_modalities = _within(of_cache, tokens.input_cached)
        fresh = {name: count - cached_modalities.get(name, 0) for name, count in of_prompt.items()}
        return tokens._replace(
            fresh_by_modality=_within(fresh, tokens.input_fresh),
            cached_by_modality=cached_modalities,
            tool_by_modality=_within(of_tool, tokens.input_tool),
            output_by_modality=_within(of_output, tokens.output_answer),
            service_tier=self._tier,
        )


def total_of(turns: Iterable[Tokens]) -> Tokens:
    """Return the sum of the buckets of several turns, without modalities; reconciled if each is."""
    turns = tuple(turns)
    buckets = (sum(counts) for counts in zip(*(turn.buckets for turn in turns), strict=True))
    return Tokens(*buckets)._replace(reconciled=all(turn.reconciled for turn in turns))


def balance(prompt: int, cached: int, tool: int, candidates: int, thoughts: int, *, total: int | None) -> Tokens:
    """Return the five buckets of one record; `reconciled` if they sum up to the stated total.

    What does not balance is taken as stated, thoughts beside the candidates; counts below 0 are taken as 0, and no
    more cached tokens than prompt tokens are believed.
    """
    plausible = min(prompt, cached, tool, candidates, thoughts) >= 0 and cached <= prompt
    if not plausible:
        prompt, tool, candidates, thoughts = max(prompt, 0), max(tool, 0), max(candidates, 0), max(thoughts, 0)
        cached = min(max(cached, 0), prompt)
    beside = prompt + tool + candidates
    if 0 < thoughts <= candidates and beside == total:
        candidates -= thoughts
        beside -= thoughts
    return Tokens(
        prompt - cached,
        cached,
        tool,
        candidates,
        thoughts,
        reconciled=plausible and beside + thoughts == total,
    )


def _take_last(kept: list[Any], stated: Mapping[str, Any], fields: Iterable[tuple[str, ...]]) -> None:
    for position, names in enumerate(fields):
        for name in names:
            if (value := stated.get(name)) is not None:
                kept[position] = value


def _modalities(details: Any) -> dict[str, int]:
    """Return the tokens of a list of ``ModalityTokenCount`` that are not charged like text."""
    counts: dict[str, int] = {}
    for detail in details or ():
        modality = _text(getattr(detail, "modality", None)).upper()
        count = getattr(detail, "token_count", None) or getattr(detail, "tokens", None)
        if count and modality in MODALITIES:
            counts[modality] = counts.get(modality, 0) + count
    return counts


def _within(counts: Mapping[str, int], most: int) -> Modalities:
    """Return the positive counts, cut so that together they do not exceed what they are parts of."""
    kept: dict[str, int] = {}
    for name, count in counts.items():
        believed = min(count, most)
        if believed > 0:
            kept[name] = believed
            most -= believed
    return kept or _NO_MODALITIES


def _text(value: Any) -> str:
    """Return the text of a member of one of the SDK's enumerations, or of a text."""
    return str(getattr(value, "value", value) or "")
