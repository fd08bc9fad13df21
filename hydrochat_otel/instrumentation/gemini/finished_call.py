"""One finished call as a frozen record, from which its span, its metrics and its entry in the window are made."""

from typing import Final, NamedTuple

from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.attribution import Dimensions, Within
from hydrochat_otel.instrumentation.finished import Ended
from hydrochat_otel.instrumentation.gemini import service_ids, token_modalities
from hydrochat_otel.instrumentation.gemini.attempts import ONE_ANSWERED, Attempt
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabels
from hydrochat_otel.instrumentation.gemini.chunk_times import Arrivals
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.prices.charges import Charge
from hydrochat_otel.prices.usage import STANDARD, Tokens
from hydrochat_otel.window.days import NOTHING_MISSING, DayCounts
from hydrochat_otel.window.entry import Entry

_NO_TOKENS: Final = (0, 0, 0, 0, 0)
UNSETTLED: Final = frozenset({"error", "cancelled"})
_new: Final = tuple.__new__
"""Makes a named tuple without the function call of its constructor, which takes twice the time."""


class Charged(NamedTuple):
    """Units that a call is charged in addition to its tokens.

    Attributes:
        charge: What is charged.
        units: How many.
        cost_usd: What they cost; None if no price is known.
    """

    charge: Charge
    units: float
    cost_usd: float | None


class FinishedCall(NamedTuple):
    """One finished call to Gemini.

    Attributes:
        using: The instruments that record it.
        labels: Its labels.
        within: The tracked operations that it was made in.
        dimensions: The application's own dimensions that it was made under.
        ended: When and how it ended.
        attempts: The HTTP requests that were sent for it.
        tokens: Its tokens; None if its operation has no usage.
        token_cost_usd: Their cost; None if no price or no usage is known.
        saved_usd: What its cached input cost less than the same input fresh.
        repeat_usd: The cost of one more attempt's input; None if that is unknown or no attempt was lost.
        charges: What it is charged in addition to its tokens.
        is_incomplete: Whether not all of its usage was stated: it ended early, or an attempt was lost and repeated. Its
            tokens are a lower bound.
        has_answered: Whether a reply or a chunk of one was read.
        response_model: Label of the version that answered; empty if the reply names none.
        response_id: The service's id of the reply; empty if it has none.
        finish_reasons: Why each of its candidates ended; empty for one that did not end.
        cached_content_tokens: The tokens that it stored in the cache, which no bucket counts.
        chunks: When its chunks arrived; None unless it is a stream with a chunk.
    """

    using: Instruments
    labels: CallLabels
    within: Within
    dimensions: Dimensions
    ended: Ended
    attempts: tuple[Attempt, ...] = ()
    tokens: Tokens | None = None
    token_cost_usd: float | None = None
    saved_usd: float = 0.0
    repeat_usd: float | None = None
    charges: tuple[Charged, ...] = ()
    is_incomplete: bool = False
    has_answered: bool = False
    response_model: str = ""
    response_id: str = ""
    finish_reasons: tuple[str, ...] = ()
    cached_content_tokens: int | None = None
    chunks: Arrivals | None = None

    @property
    def cost_usd(self) -> float | None:
        """What it cost as far as prices are known: tokens and charges; None if no part of it has a known price."""
        if not self.charges:
            return self.token_cost_usd
        known = [charged.cost_usd for charged in self.charges if charged.cost_usd is not None]
        if self.token_cost_usd is not None:
            known.append(self.token_cost_usd)
        return sum(known) if known else None

    @property
    def is_metered(self) -> bool:
        """Whether it may cost money: not for counting tokens, nor for a call that never reached the service."""
        return self.labels.is_billed and not self.is_never_sent

    @property
    def is_never_sent(self) -> bool:
        """Whether the SDK refused it before it sent a request."""
        answered = self.attempts or self.has_answered
        return not answered and self.labels.by_http and self.ended.outcome in UNSETTLED

    @property
    def is_result(self) -> bool:
        """Whether it records the usage of earlier work, whose request was the call."""
        return self.labels.is_result

    @property
    def has_usage(self) -> bool:
        """Whether its tokens are known."""
        tokens = self.tokens
        return tokens is not None and (tokens.reconciled or any(tokens[:5]))

    @property
    def is_unreconciled(self) -> bool:
        """Whether its usage is missing or does not balance; a failed call need not have one."""
        return self.tokens is not None and not self.tokens.reconciled and self.ended.outcome != "error"

    @property
    def is_unpriced(self) -> bool:
        """Whether it used tokens or units for which no price is known."""
        if self.token_cost_usd is not None and not self.charges:
            return False
        return bool(self.unpriced_tokens) or any(charged.cost_usd is None for charged in self.charges)

    @property
    def unpriced_tokens(self) -> int:
        """Its tokens, if no price is known for them."""
        return self.tokens.total if self.tokens is not None and self.token_cost_usd is None else 0

    @property
    def buckets(self) -> tuple[int, int, int, int, int]:
        """Its tokens by bucket; zeros if they are unknown."""
        return _NO_TOKENS if self.tokens is None else self.tokens[:5]

    def counts(self) -> DayCounts:
        """Return its numbers for the days; tokens and dollars exactly as in the counters."""
        tokens, cost_usd = self.tokens, self.token_cost_usd
        is_whole = cost_usd is not None and not (self.charges or self.is_incomplete)
        if is_whole and tokens is not None and tokens.reconciled:
            return _new(DayCounts, (0 if self.labels.is_result else 1, *tokens[:5], cost_usd, *NOTHING_MISSING))
        buckets = self.buckets
        total, is_incomplete = sum(buckets), self.is_incomplete
        missing = (
            int(self.is_unpriced),
            total if self.token_cost_usd is None else 0,
            int(self.is_unreconciled),
            int(is_incomplete),
            total if is_incomplete else 0,
        )
        return _new(DayCounts, (0 if self.labels.is_result else 1, *buckets, self.cost_usd or 0.0, *missing))

    @property
    def ended_unix_s(self) -> float:
        """When it ended, in seconds since the epoch."""
        return self.ended.end_unix_ns / 1e9

    def entry(self) -> Entry | None:
        """Return its entry for the window; None for a call that was never sent."""
        # Together, because reading each field by its name takes longer.
        (_, labels, (operation, root), _, ended, attempts, tokens, cost_usd, _, _, charges, is_incomplete, has_answered,
         response_model, _, _, _, chunks) = self  # fmt: skip
        if not (attempts or has_answered) and self.is_never_sent:
            return None
        is_result = labels.is_result
        buckets = None if tokens is None else tokens[:5]
        duration_s, end_unix_ns, outcome, error_type, trace_id, _, parent_span_id, _, _ = ended
        fields = (
            "result" if is_result else "gemini",
            labels.operation,
            0.0 if is_result else duration_s,
            end_unix_ns / 1e9,
            False,
            error_type,
            outcome,
            trace_id,
            ended.own_id,
            parent_span_id,
            response_model or (labels.model if labels.model_id else None),
            buckets if buckets is not None and any(buckets) else None,
            self.cost_usd if charges else cost_usd,
            None,
            None if root == semconv.NONE else root,
            None if operation == semconv.NONE else operation,
            is_incomplete,
            tokens is not None and tokens.estimated,
            None if chunks is None else chunks.first_answer_s,
            None if is_result else len(attempts),
            self._retry_wait_s() if len(attempts) > 1 else None,
        )
        return _new(Entry, fields)

    def _retry_wait_s(self) -> float | None:
        waits = [attempt.wait_s for attempt in self.attempts if attempt.wait_s is not None]
        return sum(waits) if waits else None

    def span_attributes(self) -> dict[str, AttributeValue]:
        """Return the attributes of its span besides its outcome."""
        attributes: dict[str, AttributeValue] = {}
        if self.tokens is not None:
            self._tell_tokens(self.tokens, attributes)
        if self.response_model:
            attributes[semconv.GEN_AI_RESPONSE_MODEL] = self.response_model
        if self.response_id and (response_id := service_ids.given(self.response_id)) is not None:
            attributes[semconv.GEN_AI_RESPONSE_ID] = response_id
        if reasons := self.finish_reasons:
            attributes[semconv.GEN_AI_FINISH_REASONS] = (
                reasons if all(reasons) else tuple([one or semconv.FINISH_ERROR for one in reasons])
            )
        if self.chunks is not None:
            attributes[semconv.GEN_AI_FIRST_CHUNK_S] = self.chunks.first_s
        if self.cached_content_tokens is not None:
            attributes[semconv.CACHED_CONTENT_TOKENS] = self.cached_content_tokens
        for charged in self.charges:
            attributes[semconv.CHARGED_UNITS + charged.charge] = charged.units
        self._tell_cost(attributes)
        if self.attempts != ONE_ANSWERED:
            self._tell_attempts(attributes)
        return attributes

    def _tell_tokens(self, tokens: Tokens, attributes: dict[str, AttributeValue]) -> None:
        fresh, cached, tool, answer, thinking, reconciled, *by_modality, service_tier, estimated, _ = tokens
        attributes.update([pair for pair in zip(semconv.TOKEN_ATTRIBUTES, tokens[:5], strict=True) if pair[1]])
        if any(by_modality):
            _tell_modalities(tokens, attributes)
        used, made, outcome = fresh + cached + tool, answer + thinking, self.ended.outcome
        if used or made or reconciled:
            attributes[semconv.GEN_AI_INPUT_TOKENS] = used
            if self.labels.has_output:
                attributes[semconv.GEN_AI_OUTPUT_TOKENS] = made
            if self.using.next_names:
                attributes.update(token_modalities.span_attributes(tokens))
        if service_tier != STANDARD:
            attributes[semconv.SERVICE_TIER] = service_tier
        if estimated or (outcome in UNSETTLED and (used or made)):
            attributes[semconv.ESTIMATED] = estimated
        if not reconciled and outcome != "error":
            attributes[semconv.UNRECONCILED] = True

    def _tell_cost(self, attributes: dict[str, AttributeValue]) -> None:
        cost_usd = self.cost_usd
        if cost_usd is not None and self.using.next_names:
            attributes[semconv.COST_AMOUNT] = cost_usd
            attributes[semconv.COST_CURRENCY] = "USD"
            attributes[semconv.COST_SOURCE] = semconv.COST_LOCAL
        elif cost_usd is not None:
            attributes[semconv.COST_USD] = cost_usd
        if self.is_unpriced:
            attributes[semconv.UNPRICED] = True

    def _tell_attempts(self, attributes: dict[str, AttributeValue]) -> None:
        made = self.attempts
        if len(made) == 1 and made[0].reason == "2xx":
            return
        attributes[semconv.ATTEMPTS] = len(made)
        if made:
            attributes[semconv.ATTEMPT_REASONS] = [attempt.reason for attempt in made]
            if waits := [attempt.wait_s for attempt in made if attempt.wait_s is not None]:
                attributes[semconv.RETRY_WAITS_S] = waits
            if advised := [attempt.advised_s for attempt in made if attempt.advised_s is not None]:
                attributes[semconv.RETRY_ADVISED_S] = max(advised)


def _tell_modalities(tokens: Tokens, attributes: dict[str, AttributeValue]) -> None:
    for bucket, modalities in tokens.modalities:
        for name, count in modalities.items():
            attributes[f"{semconv.MODALITY_TOKENS}{bucket}.{name.lower()}"] = count
