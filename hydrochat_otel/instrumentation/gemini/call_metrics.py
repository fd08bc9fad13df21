"""Feeds finished calls to the instruments; runs while the queue drains, not on the host's path."""

from collections.abc import Mapping
from itertools import compress
from typing import TYPE_CHECKING, Final

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.batched import Kind
from hydrochat_otel.instrumentation.feeds import Feed
from hydrochat_otel.instrumentation.gemini.attempts import ONE_ANSWERED, lost_attempts
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabels
from hydrochat_otel.instrumentation.gemini.convention_feeds import ConventionFeeds, feeds_of
from hydrochat_otel.instrumentation.instruments import Instruments

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.gemini.ended_call import EndedCall
    from hydrochat_otel.instrumentation.gemini.finished_call import FinishedCall

_MOST_PLANS: Final = 4096


class Plan(Kind["EndedCall"]):
    """The feeds of all calls with the same labels, attribution, answering model and outcome. Made once."""

    def __init__(self, call: "FinishedCall", attribution: Mapping[str, str]) -> None:
        using, labels, ended = call.using, call.labels, call.ended
        super().__init__(using.due)
        self.labels: CallLabels = labels
        self.attribution = attribution
        self.using: Instruments = using
        error = {} if ended.error_type is None else {semconv.ERROR_TYPE: ended.error_type}
        self.conventions: ConventionFeeds = feeds_of(call)
        by_model = {semconv.GEN_AI_REQUEST_MODEL: labels.model}
        in_ = {**attribution}
        outcome = {semconv.LLM_OPERATION: labels.operation, semconv.OUTCOME: ended.outcome}
        operation = {semconv.OPERATION: attribution[semconv.OPERATION]}
        self.calls = using.feed(semconv.LLM_CALLS, in_ | outcome)
        self.duration = using.feed(semconv.LLM_CALL_DURATION, by_model | operation | error)
        self.first_answer_token = using.feed(semconv.LLM_FIRST_ANSWER_TOKEN, in_)
        self.unreconciled = using.feed(semconv.LLM_UNRECONCILED_CALLS, in_)
        self.incomplete = using.feed(semconv.LLM_INCOMPLETE_CALLS, in_)
        self.incomplete_tokens = using.feed(semconv.LLM_INCOMPLETE_TOKENS, in_)
        self.tokens = tuple(
            using.feed(semconv.LLM_TOKENS, in_ | {semconv.TOKEN_BUCKET: bucket}) for bucket in semconv.TOKEN_BUCKETS
        )
        self.cost = using.feed(semconv.LLM_COST, in_)
        self.savings = using.feed(semconv.LLM_SAVINGS, in_)
        self.retry_cost = using.feed(semconv.LLM_RETRY_COST, in_)
        self.unpriced = using.feed(semconv.LLM_UNPRICED_TOKENS, in_)
        self._by_charge: dict[str, tuple[Feed, Feed]] = {}
        self._by_reason: dict[str, tuple[Feed, Feed, Feed, Feed]] = {}

    def by_charge(self, charge: str) -> tuple[Feed, Feed]:
        """Return the feeds of one additional charge: its units, its dollars."""
        feeds = self._by_charge.get(charge)
        if feeds is None:
            of_charge = {**self.attribution, semconv.CHARGE: charge}
            feeds = self._by_charge[charge] = (
                self.using.feed(semconv.LLM_CHARGED_UNITS, of_charge),
                self.using.feed(semconv.LLM_CHARGES, of_charge),
            )
        return feeds

    def by_reason(self, reason: str) -> tuple[Feed, Feed, Feed, Feed]:
        """Return the feeds of attempts with this reason: attempts, retries of it, waits after it, waits advised."""
        feeds = self._by_reason.get(reason)
        if feeds is None:
            of_call = {**self.attribution, semconv.REASON: reason}
            of_model = {semconv.GEN_AI_REQUEST_MODEL: self.labels.model, semconv.REASON: reason}
            feeds = self._by_reason[reason] = (
                self.using.feed(semconv.LLM_ATTEMPTS, of_call),
                self.using.feed(semconv.LLM_RETRIES, of_call),
                self.using.feed(semconv.LLM_RETRY_WAIT, of_model),
                self.using.feed(semconv.LLM_RETRY_ADVISED, of_model),
            )
        return feeds

    def feed(self, work: list["EndedCall"]) -> None:
        """Feed the calls of one drain.

        A call inside another GenAI instrumentation's span, or with suppressed instrumentation, counts in the
        ``hydrochat.llm.*`` instruments only: the other instrumentation feeds the ``gen_ai.*`` ones.
        """
        calls = [one.finished for one in work]
        if traced := [call for call in calls if call.ended.is_traced]:
            self.conventions.take(traced)
        if metered := [call for call in calls if call.is_metered] if self.labels.is_billed else []:
            counted = [(call.ended_unix_s, call.counts()) for call in metered]
            self.using.ledger.add(self.labels.model, metered[0].ended.outcome, counted)
            if not self.labels.is_result:
                self._feed_calls(metered)
                self._feed_attempts(metered)
            self._feed_tokens(metered)
            self._feed_dollars(metered)

    def _feed_calls(self, calls: list["FinishedCall"]) -> None:
        ended = [call.ended for call in calls]
        self.calls.take_each([1] * len(calls), ended)
        self.duration.take_each([one.duration_s for one in ended], ended)
        answered = [
            (call.chunks.first_answer_s, call.ended)
            for call in calls
            if call.chunks is not None and call.chunks.first_answer_s is not None
        ]
        if answered:
            self.first_answer_token.take_each(*zip(*answered, strict=True))

    def _feed_tokens(self, calls: list["FinishedCall"]) -> None:
        unreconciled = [call.ended for call in calls if call.is_unreconciled]
        if unreconciled:
            self.unreconciled.take_each([1] * len(unreconciled), unreconciled)
        for call in calls:
            if call.is_incomplete:
                self._feed_incomplete(call)
        used = [call for call in calls if call.has_usage]
        if not used:
            return
        ended = [call.ended for call in used]
        for feed, counts in zip(self.tokens, zip(*[call.buckets for call in used], strict=True), strict=True):
            if all(counts):
                feed.take_each(counts, ended)
            elif any(counts):
                feed.take_each([*filter(None, counts)], [*compress(ended, counts)])
        for call in used:
            if call.token_cost_usd is None and call.unpriced_tokens:
                self.unpriced.take(call.unpriced_tokens, call.ended)

    def _feed_incomplete(self, call: "FinishedCall") -> None:
        self.incomplete.take(1, call.ended)
        if call.tokens is not None and call.tokens.total:
            self.incomplete_tokens.take(call.tokens.total, call.ended)

    def _feed_dollars(self, calls: list["FinishedCall"]) -> None:
        priced = [(cost_usd, call.ended) for call in calls if (cost_usd := call.cost_usd) is not None]
        if priced:
            self.cost.take_each(*zip(*priced, strict=True))
        for call in calls:
            if call.saved_usd:
                self.savings.take(call.saved_usd, call.ended)
            if call.repeat_usd:
                self.retry_cost.take(call.repeat_usd * lost_attempts(call.attempts), call.ended)
            for charge, units, cost_usd in call.charges:
                feeds = self.by_charge(charge)
                feeds[0].take(units, call.ended)
                if cost_usd is not None:
                    feeds[1].take(cost_usd, call.ended)

    def _feed_attempts(self, calls: list["FinishedCall"]) -> None:
        answered = [call.ended for call in calls if call.attempts is ONE_ANSWERED]
        if answered:
            self.by_reason(ONE_ANSWERED[0].reason)[0].take_each([1] * len(answered), answered)
        for call in calls:
            if call.attempts is not ONE_ANSWERED:
                self._feed_attempts_of(call)

    def _feed_attempts_of(self, call: "FinishedCall") -> None:
        ended = call.ended
        cause: tuple[Feed, Feed, Feed, Feed] | None = None
        for attempt in call.attempts:
            feeds = self.by_reason(attempt.reason)
            feeds[0].take(1, ended)
            if attempt.advised_s is not None:
                feeds[3].take(attempt.advised_s, ended)
            if cause is not None:
                cause[1].take(1, ended)
                if attempt.wait_s is not None:
                    cause[2].take(attempt.wait_s, ended)
            cause = feeds


def plan_of(call: "FinishedCall") -> Plan:
    """Return what feeds the call together with those of its drain that are like it."""
    using, labels, ended = call.using, call.labels, call.ended
    attribution = using.attributions.attributes(call.within, labels.model, call.dimensions)
    # The plan references both objects, so that no other objects can have their ids.
    key = (id(labels), id(attribution), call.response_model, ended.error_type, ended.outcome)
    plan = using.plans.get(key)
    if not isinstance(plan, Plan):
        if len(using.plans) >= _MOST_PLANS:
            using.plans.clear()
        plan = using.plans[key] = Plan(call, attribution)
    return plan
