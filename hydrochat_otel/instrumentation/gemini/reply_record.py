"""What the replies of one call state, collected on the host's path and evaluated later.

The path only picks the facts up. What follows from them (balanced tokens, dollars, labels) is computed by the thread
that drains, or by whatever reads the call's span first.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini import reply_facts
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabelCache, CallLabels
from hydrochat_otel.instrumentation.gemini.call_ledger import CallLedger, Pricing
from hydrochat_otel.instrumentation.gemini.finished_call import Charged
from hydrochat_otel.instrumentation.gemini.reply_facts import TIER_HEADER, ReplyFacts
from hydrochat_otel.instrumentation.gemini.reply_uses import Uses
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.charges import Charge, charged_units
from hydrochat_otel.prices.model_names import bare_id
from hydrochat_otel.prices.usage import Tokens, UsageRecord, tokens_of
from hydrochat_otel.prices.usage_fields import Values, prompt_values, values_of
from hydrochat_otel.prices.usages import tokens_of_several

_FIELDS: Final = itemgetter(
    "candidates", "sdk_http_response", "prompt_feedback", "usage_metadata", "model_version", "response_id"
)
CANDIDATE_FIELDS: Final = itemgetter("index", "grounding_metadata", "url_context_metadata", "finish_reason", "content")
_PART_FIELDS: Final = itemgetter("executable_code", "thought")
_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""


class ReplyRecord:
    """Collects the facts of the replies of one call; one thread or task at a time, until the call has ended.

    Attributes:
        response_id: The service's id of the reply; empty if it has none.
        finish_reasons: Why each of its candidates ended; empty for one that did not end.
        has_answered: Whether a reply or a chunk of one was read.
        is_cancelled: Whether the reply states that it was cancelled.
        is_refused: Whether the service refused the prompt.
        declared_error: The failure that the reply states instead of an exception.
        cached_content_tokens: The tokens that it stored in the cache, which no bucket counts.
        only_usage: The first usage of the turn; its record is made when another one comes, or when something needs it.

    Args:
        labels: The labels of the call.
        label_cache: Makes the label of the model that answered.
        prices: The price book.
        using: The instruments that record the call.
    """

    # What few calls need stays with the class until it is set: a record is made on the host's path.
    response_id = ""
    finish_reasons: tuple[str, ...] = ()
    has_answered = False
    is_cancelled = False
    is_refused = False
    declared_error = ""
    cached_content_tokens: int | None = None
    _turns: tuple[Tokens, ...] = ()
    _usage_record: UsageRecord | None = None
    only_usage: Values | None = None
    _usage_follows = False
    _uses: Uses | None = None
    _charges: dict[Charge, float] | None = None
    _usage_part = ""
    _answered_by = ""

    def __init__(self, labels: CallLabels, label_cache: CallLabelCache, prices: PriceBook, using: Instruments) -> None:
        self._labels = labels
        self._label_cache = label_cache
        self._prices = prices
        self._using = using

    # -- on the host's path ----------------------------------------------------------------------------------------

    def read(self, reply: Any) -> bool:
        """Note the facts of a reply or chunk; return whether it has output.

        An ordinary one of generated content (at most one candidate, nothing charged by the unit) takes one pass.
        """
        labels = self._labels
        if not labels.has_output:
            self._note_embedding(vars(reply))
            return False
        facts = ordinary(reply)
        if facts is None:
            self._note(reply_facts.read(labels.operation, reply))
            return reply_facts.has_output(reply)
        usage, model, response_id, reason, has_output = facts
        self.has_answered, self._usage_follows = True, False
        if usage is not None:
            self._take(values_of(usage))
        if model:
            self._answered_by = model
        if response_id:
            self.response_id = response_id
        if reason or (reason is not None and not self.finish_reasons):
            self.take_reason(reason)
        return has_output

    def take_reason(self, reason: str) -> None:
        """Note why the only candidate of a reply ended."""
        self.finish_reasons = reply_facts.merged(self.finish_reasons, (reason,))

    def close_turn(self) -> None:
        """End one turn of a live session: its counts stand, and the next turn's are added."""
        if (known := self._usage.known_tokens()) is not None:
            self._turns = (*self._turns, known)
            self._usage_record = self.only_usage = None

    def charge(self, charge: Charge, units: float) -> None:
        """Note units that are charged in addition to the tokens."""
        if self._charges is None:
            self._charges = {}
        self._charges[charge] = self._charges.get(charge, 0.0) + units

    def take_response(self, response: Any) -> None:
        """Keep the usage in the raw body of an embedding, which older versions of the SDK leave out of the reply."""
        (body,) = response.response_stream
        self._usage_part = reply_facts.usage_part(body)

    def usage_so_far(self) -> UsageRecord | None:
        """Return the usage of the current turn, to which its next chunks may be added; None if none was stated."""
        if not self._has_usage:
            return None
        usage, self.only_usage = self._usage, None
        return usage

    def _take(self, values: Values) -> None:
        if self._has_usage:
            self._usage.take_values(values)
            self.only_usage = None  # it is in the record
        else:
            self.only_usage = values

    @property
    def _has_usage(self) -> bool:
        return self._usage_record is not None or self.only_usage is not None

    @property
    def _one_usage(self) -> Values | None:
        """The usage of a call that states it once and needs no record of it; None for any other."""
        is_other = self._usage_record is not None or self._turns or self._labels.is_result
        return None if is_other else self.only_usage

    @property
    def _usage(self) -> UsageRecord:
        usage = self._usage_record
        if usage is None:
            usage = UsageRecord(prompt_only=self._labels.operation == "embeddings")
            if self._labels.operation == "batch_result":
                usage.take_batch()
            if self.only_usage is not None:
                usage.take_values(self.only_usage)
            self._usage_record = usage  # whole: two threads may make it at the same time
        return usage

    def _note_embedding(self, said: dict[str, Any]) -> None:
        """Note what an embedding states: it has no candidates, and an SDK whose replies have no usage counts tokens."""
        self.has_answered = True
        if (usage := said.get("usage_metadata")) is not None:
            self._take(values_of(usage))
        elif (tokens := reply_facts.embedded_tokens(said)) is not None:
            self._take(prompt_values(tokens))
        if tier := reply_facts.tier(said.get("sdk_http_response")):
            self._usage.take_service_tier(tier)

    def _note(self, facts: ReplyFacts) -> None:
        self.has_answered = True
        if facts.usage is not None:
            self._take(values_of(facts.usage))
        if facts.prompt_tokens is not None:
            self._take(prompt_values(facts.prompt_tokens))
        if facts.cached_content_tokens is not None:
            self.cached_content_tokens = facts.cached_content_tokens
        if facts.model:
            self._answered_by = facts.model
        if facts.response_id:
            self.response_id = facts.response_id
        if facts.finish_reasons:
            self.finish_reasons = reply_facts.merged(self.finish_reasons, facts.finish_reasons)
        if facts.service_tier:
            self._usage.take_service_tier(facts.service_tier)
        self.is_refused = self.is_refused or facts.is_refused
        self.is_cancelled = self.is_cancelled or facts.is_cancelled
        self._usage_follows = facts.usage_follows
        if facts.uses:
            if self._uses is None:
                self._uses = Uses()
            self._uses.take(facts.uses)
        self.declared_error = self.declared_error or facts.declared_error

    @property
    def is_blocked(self) -> bool:
        """Whether the prompt was refused, or a filter withheld every answer."""
        return self.is_refused or reply_facts.is_blocked(self.finish_reasons)

    @property
    def states_usage(self) -> bool:
        """Whether any usage was stated."""
        return bool(self._turns) or (self._has_usage and self._usage.is_known)

    # -- after the end ---------------------------------------------------------------------------------------------

    @property
    def kind(self) -> tuple[Any, ...] | None:
        """What it has in common with others of the same labels, if :meth:`ledgers` may evaluate it; None if not."""
        if self._one_usage is None or not (self.has_answered and self._labels.has_tokens):
            return None
        if self._uses is not None or self._charges is not None:
            return None
        return id(self._prices), id(self._label_cache), str(self._answered_by)

    def ledgers(
        self, usages: Sequence[Values], starts_unix_s: Sequence[float]
    ) -> tuple[list[Tokens], list[float | None], list[float]] | None:
        """Return the tokens, their costs and what cached ones saved, of this and other calls of its kind and labels.

        They are those of :meth:`ledger`. None if one of them states an unusual usage.

        Args:
            usages: The only usage of each call.
            starts_unix_s: When each call began, in seconds since the epoch.
        """
        known = tokens_of_several(usages)
        if known is None:
            return None
        rates = self._prices.rates(str(self._answered_by or self._labels.model_id), starts_unix_s)
        costs_usd = [None if rate is None else rate.cost_usd(one) for rate, one in zip(rates, known, strict=True)]
        saved_usd = [
            0.0 if rate is None or not one.input_cached else rate.saved_usd(one)
            for rate, one in zip(rates, known, strict=True)
        ]
        return known, costs_usd, saved_usd

    @property
    def response_model(self) -> str:
        """Label of the version that answered; empty if the reply names none."""
        answered_by = self._answered_by
        return self._label_cache.label(self._using, str(answered_by)) if answered_by else ""

    def ledger(self, unix_s: float, *, has_lost_attempts: bool) -> CallLedger:
        """Return the tokens and dollars; changes nothing, so that two threads may compute it at the same time.

        Args:
            unix_s: When the call began, in seconds since the epoch.
            has_lost_attempts: Whether an attempt was lost and repeated.
        """
        model = str(self._answered_by or self._labels.model_id)
        pricing: Pricing = _new(Pricing, (self._prices, model, unix_s))
        charges = () if self._uses is None and self._charges is None else self._charged(pricing)
        if not self._labels.has_tokens:
            return CallLedger(charges=charges)
        turns = self._turns
        if (stated := self._one_usage) is not None:
            known = tokens_of(stated)
            if known is not None:
                return pricing.ledger_of_one(known, charges, has_lost_attempts=has_lost_attempts)
        usage = self._usage
        known = usage.known_tokens()
        if known is None:
            if self._usage_follows:
                return CallLedger(charges=charges)
            if self._usage_part:
                usage = UsageRecord(prompt_only=True)
                usage.take(reply_facts.usage_of_body(self._usage_part))
                known = usage.known_tokens()
        if known is not None or not turns:
            turns = (*turns, known or usage.tokens(refused=self.is_refused))
        return pricing.ledger(turns, charges, has_lost_attempts=has_lost_attempts)

    def _charged(self, pricing: Pricing) -> tuple[Charged, ...]:
        units: dict[Charge, float] = dict(self._charges or {})
        for charge, uses in ({} if self._uses is None else self._uses.counts()).items():
            units[charge] = units.get(charge, 0.0) + charged_units(charge, bare_id(pricing.model), uses)
        return pricing.charges(units)


def ordinary(reply: Any) -> tuple[Any, Any, Any, str | None, bool] | None:
    """Return the usage, model, id and finish reason of an ordinary reply, and whether it has output; None for others.

    The finish reason is empty if its candidate continues, None if there is no candidate.
    """
    has_output, reason = False, None
    try:
        candidates, response, feedback, usage, model, response_id = _FIELDS(reply.__dict__)
        if feedback is not None:
            return None
        if response is not None and (headers := response.__dict__["headers"]) and TIER_HEADER in headers:
            return None
        if candidates:
            [candidate] = candidates
            index, grounding, urls, finish_reason, content = CANDIDATE_FIELDS(candidate.__dict__)
            if index or grounding is not None or urls is not None:
                return None
            reason = "" if finish_reason is None else reply_facts.finish_reason(candidate)
            for part in (content is not None and content.__dict__["parts"]) or ():
                code, thought = _PART_FIELDS(part.__dict__)
                if code is not None:
                    return None
                if not thought:
                    has_output = True
    except (KeyError, AttributeError, ValueError):  # another kind of reply, one of an older SDK, or of candidates
        return None
    return usage, model, response_id, reason, has_output
