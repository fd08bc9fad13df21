"""The token ledger: the usage of one reply becomes five disjoint buckets, or is marked as not balancing.

The service counts cached tokens inside the prompt, tool-use tokens beside it, and thoughts beside the candidates. If
prompt + tool + candidates already equal the total, the thoughts are inside the candidates.

Spec: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.prices.counts import (
    LARGEST_COUNT,
    NO_MODALITIES,
    Modalities,
    by_modality,
    cached_share,
    exceed,
    only_text,
    text_of,
    within,
)
from hydrochat_otel.prices.stated_counts import NOTHING, Counts, after, balanced
from hydrochat_otel.prices.usage_fields import READERS, SERVED, Values, values_of

_TIER_BY_TRAFFIC: Final[Mapping[str, str]] = {
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_OFFPEAK": "offpeak",
    "PROVISIONED_THROUGHPUT": "provisioned",
    "ON_DEMAND": "standard",
    "TRAFFIC_TYPE_UNSPECIFIED": "standard",
    "": "standard",
}
_TIER_BY_NAME: Final[Mapping[str, str]] = {
    "flex": "flex",
    "priority": "priority",
    "standard": "standard",
    "unspecified": "standard",
    "": "standard",
}
_new: Final[Any] = tuple.__new__
STANDARD: Final = "standard"
BATCH: Final = "batch"
OTHER: Final = "other"
SERVICE_TIERS: Final = (STANDARD, "flex", "priority", "offpeak", "provisioned", BATCH, OTHER)
"""Every service tier with a price of its own; the first applies if the reply names none.

The last stands for every tier that the service may add: its price is unknown unless the price file states it.
"""


class Tokens(NamedTuple):
    """The tokens of one call.

    The five buckets are disjoint. The `by_modality` fields say how many of a bucket's tokens are not text; they are
    parts of the buckets, never more. `reconciled` is False if the usage is missing, states no total, does not balance
    or holds an invalid count. `estimated` is True if their cost is an estimate: the reply does not state the modality
    of its cached tokens, or states more tokens of a modality than there are. `broken_down` says whether the reply
    states modalities: of the prompt, of its cached part, of tool results, of the answer.
    """

    input_fresh: int = 0
    input_cached: int = 0
    input_tool: int = 0
    output_answer: int = 0
    output_thinking: int = 0
    reconciled: bool = False
    fresh_by_modality: Modalities = NO_MODALITIES
    cached_by_modality: Modalities = NO_MODALITIES
    tool_by_modality: Modalities = NO_MODALITIES
    output_by_modality: Modalities = NO_MODALITIES
    service_tier: str = STANDARD
    estimated: bool = False
    broken_down: tuple[bool, bool, bool, bool] = (False, False, False, False)

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

    def as_if_fresh(self) -> "Tokens":
        """Return the same tokens as if nothing had been cached."""
        fresh = dict(self.fresh_by_modality)
        for name, count in self.cached_by_modality.items():
            fresh[name] = fresh.get(name, 0) + count
        return self._replace(
            input_fresh=self.input_fresh + self.input_cached,
            input_cached=0,
            fresh_by_modality=fresh or NO_MODALITIES,
            cached_by_modality=NO_MODALITIES,
        )

    def without_output(self) -> "Tokens":
        """Return the input alone."""
        return self._replace(output_answer=0, output_thinking=0, output_by_modality=NO_MODALITIES)


MISSING: Final = Tokens()
"""The tokens of a call whose reply has no usage."""


MOST_TAKEN: Final = 256
"""Usage objects of a long stream whose counts wait to be evaluated together."""


class UsageRecord:
    """Collects the usage of one reply, streamed or not.

    Counts on the chunks of a stream are cumulative, so the last one that is not null counts, field by field, and
    nothing is ever added up. One record belongs to one call; :meth:`take` never raises, whatever a service sends. It
    only picks the fields up; the counts are evaluated when something asks, or when many wait.

    Attributes:
        taken: Counts that wait to be evaluated, :data:`MOST_TAKEN` at most. What reads the chunks of a stream adds to
            them without :meth:`take`, and sets the details that a chunk states.
        of_prompt: The last details of the prompt's tokens.
        of_output: The last details of the answer's.

    Args:
        prompt_only: Whether the reply can use input tokens only, as an embedding does. Its prompt is the total if the
            usage states none.
    """

    # What few replies state stays with the class until it is set: a record is made on the host's path.
    _stated = NOTHING
    _tier = STANDARD
    of_prompt: Any = None
    _of_cache: Any = None
    _of_tool: Any = None
    of_output: Any = None

    def __init__(self, *, prompt_only: bool = False) -> None:
        self.taken: list[Counts] = []
        self._prompt_only = prompt_only

    @property
    def is_known(self) -> bool:
        """Whether any count was taken, or refused."""
        return after(self._stated, self.taken).is_known

    def take(self, usage: Any) -> None:
        """Read one usage object of the SDK (``response.usage_metadata``), which may be None."""
        if usage is None:
            return
        try:
            values = READERS[type(usage)].values(usage.__dict__)
        except (KeyError, AttributeError):
            values = values_of(usage)
        self.take_values(values)

    def take_values(self, values: Values) -> None:
        """Note what a usage object states."""
        prompt, cached, tool, answer, thoughts, total, of_prompt, of_cache, of_tool, of_output, traffic, *tiers = values
        # Lists of earlier chunks are not kept: memory that the SDK would use again would stay in use.
        if of_prompt is not None:
            self.of_prompt = of_prompt
        if of_output is not None:
            self.of_output = of_output
        if of_cache is not None or of_tool is not None:
            self.take_details(of_cache, of_tool)
        if traffic is not None:
            self._tier = _TIER_BY_TRAFFIC.get(text_of(traffic), OTHER)
        if tiers and tiers[0] is not None:
            self.take_service_tier(text_of(tiers[0]))
        taken = self.taken
        taken.append((prompt, cached, tool, answer, thoughts, total))
        if len(taken) > MOST_TAKEN:
            self._stated = after(self._stated, taken)
            taken.clear()

    def take_details(self, of_cache: Any, of_tool: Any) -> None:
        """Note the details that few replies state; None for those that this one does not."""
        if of_cache is not None:
            self._of_cache = of_cache
        if of_tool is not None:
            self._of_tool = of_tool

    def take_service_tier(self, tier: str) -> None:
        """Note the service tier that the reply was served from, by the API's name for it."""
        self._tier = _TIER_BY_NAME.get(tier.lower(), OTHER)

    def take_batch(self) -> None:
        """Note that the reply comes from a batch job, which has a price list of its own."""
        self._tier = BATCH

    def tokens(self, *, refused: bool = False) -> Tokens:
        """Return the tokens that were taken so far.

        Args:
            refused: Whether the service blocked the prompt. Usage without counts is complete then: nothing was used.
        """
        known = self.known_tokens()
        if known is None:
            has_usage = bool(self.taken) or self._stated is not NOTHING
            return Tokens(reconciled=refused and has_usage, service_tier=self._tier)
        return known

    def known_tokens(self) -> Tokens | None:
        """Return the tokens that were taken so far; None if no count was taken, or refused."""
        details = (self.of_prompt, self._of_cache, self._of_tool, self.of_output)
        found = self._found()
        if found is None:
            return None
        fresh, cached, tool, answer, thinking, reconciled = found
        of_text = only_text(details)
        if of_text is not None:
            return _of_text((fresh, cached, tool, answer, thinking, reconciled), self._tier, of_text)
        read = [by_modality(one) for one in details]
        reconciled = reconciled and all(are_credible for _, are_credible in read)
        of_prompt, of_cache, of_tool, of_output = (counts for counts, _ in read)
        wholes = ((of_prompt, fresh + cached), (of_cache, cached), (of_tool, tool), (of_output, answer))
        of_fresh, estimated = of_prompt, any(exceed(counts, most) for counts, most in wholes)
        of_cached = NO_MODALITIES
        if cached:
            of_cached, is_shared = cached_share(of_prompt, of_cache, fresh + cached, cached)
            estimated = estimated or is_shared
            of_fresh = {name: count - of_cached.get(name, 0) for name, count in of_prompt.items()}
        return Tokens(
            fresh,
            cached,
            tool,
            answer,
            thinking,
            reconciled,
            within(of_fresh, fresh),
            of_cached,
            within(of_tool, tool),
            within(of_output, answer),
            self._tier,
            estimated,
            (bool(of_prompt), bool(of_cache), bool(of_tool), bool(of_output)),
        )

    def _found(self) -> tuple[int, int, int, int, int, bool] | None:
        """Return the buckets, and whether they sum up to the total; None if no count was taken, or refused."""
        stated = after(self._stated, self.taken)
        if stated.is_credible and (whole := balanced(stated.counts)) is not None:  # as of nearly every reply
            return whole[0] - whole[1], *whole[1:], True
        if not stated.is_known:
            return None
        prompt, cached, tool, candidates, thoughts, total = stated.counts
        prompt, cached, tool = prompt or 0, cached or 0, tool or 0
        candidates, thoughts = candidates or 0, thoughts or 0
        if total is None and self._prompt_only and not (tool or candidates or thoughts):
            total = prompt
        made = balance(prompt, cached, tool, candidates, thoughts, total=total)
        return *made[:5], made.reconciled and stated.is_credible and made.total <= LARGEST_COUNT


def tokens_of(values: Values) -> Tokens | None:
    """Return the tokens of a reply that states its usage once; None for one that needs a record of its usage."""
    whole, of_text = balanced(values[:6]), only_text(values[6:10])
    if whole is None or of_text is None or any(one is not None for one in values[SERVED:]):
        return None
    return _of_text((whole[0] - whole[1], *whole[1:], True), STANDARD, of_text)


def _of_text(
    buckets: tuple[int, int, int, int, int, bool], service_tier: str, broken_down: tuple[bool, bool, bool, bool]
) -> Tokens:
    no = NO_MODALITIES
    # Without the checks of its constructor: most calls end here.
    made: Tokens = _new(Tokens, (*buckets, no, no, no, no, service_tier, False, broken_down))
    return made


def total_of(turns: Iterable[Tokens]) -> Tokens:
    """Return the sum of the buckets of several turns, without modalities; reconciled if each is."""
    turns = tuple(turns)
    buckets = (sum(counts) for counts in zip(*(turn.buckets for turn in turns), strict=True))
    return Tokens(*buckets)._replace(
        reconciled=all(turn.reconciled for turn in turns),
        estimated=any(turn.estimated for turn in turns),
        service_tier=turns[0].service_tier if turns else STANDARD,
    )


def balance(prompt: int, cached: int, tool: int, candidates: int, thoughts: int, *, total: int | None) -> Tokens:
    """Return the five buckets of one usage; `reconciled` if they sum up to the stated total.

    Counts that do not balance are taken as stated, thoughts beside the candidates. Counts below 0 become 0, and cached
    tokens are at most the prompt tokens.
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
