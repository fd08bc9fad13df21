"""Feeds finished calls to the instruments; runs while the queue drains, not on the host's path."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.feeds import Feed
from hydrochat_otel.instrumentation.gemini.attempts import lost_attempts
from hydrochat_otel.instrumentation.gemini.call_labels import Site
from hydrochat_otel.instrumentation.gemini.convention_feeds import ConventionFeeds, feeds_of
from hydrochat_otel.instrumentation.instruments import Instruments

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.gemini.finished_call import FinishedCall

_MOST_PLANS: Final = 4096


class _Plan:
    """The feeds of all calls with the same site, attribution, answering model and outcome. Made once."""

    def __init__(self, call: "FinishedCall", attribution: Mapping[str, str]) -> None:
        using, site, ended = call.using, call.site, call.ended
        self.site: Site = site
        self.attribution = attribution
        self.using: Instruments = using
        error = {} if ended.error_type is None else {semconv.ERROR_TYPE: ended.error_type}
        self.conventions: ConventionFeeds = feeds_of(call)
        by_model = {semconv.GEN_AI_REQUEST_MODEL: site.model}
        in_ = {**attribution}
        outcome = {semconv.LLM_OPERATION: site.operation, semconv.OUTCOME: ended.outcome}
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
            of_model = {semconv.GEN_AI_REQUEST_MODEL: self.site.model, semconv.REASON: reason}
            feeds = self._by_reason[reason] = (
                self.using.feed(semconv.LLM_ATTEMPTS, of_call),
                self.using.feed(semconv.LLM_RETRIES, of_call),
                self.using.feed(semconv.LLM_RETRY_WAIT, of_model),
                self.using.feed(semconv.LLM_RETRY_ADVISED, of_model),
            )
        return feeds


def record(call: "FinishedCall") -> None:
    """Record every metric of one finished call.

    A call inside another GenAI instrumentation's span, or with suppressed instrumentation, counts in the
    ``hydrochat.llm.*`` instruments only: the other instrumentation feeds the ``gen_ai.*`` ones.
    """
    plan = _plan_of(call)
    if call.ended.is_traced:
        plan.conventions.take(call)
    if call.is_metered:
        if not call.is_result:
            _record_call(call, plan)
            _record_attempts(call, plan)
        _record_ledger(call, plan)


def _plan_of(call: "FinishedCall") -> _Plan:
    using, site, ended = call.using, call.site, call.ended
    attribution = using.attributions.attributes(call.within, site.model, call.dimensions)
    # The plan references both objects, so that no other objects can have their ids.
    key = (id(site), id(attribution), call.response_model, ended.error_type, ended.outcome)
    plan = using.plans.get(key)
    if not isinstance(plan, _Plan):
        if len(using.plans) >= _MOST_PLANS:
            using.plans.clear()
        plan = using.plans[key] = _Plan(call, attribution)
    return plan


def _record_call(call: "FinishedCall", plan: _Plan) -> None:
    ended = call.ended
    plan.calls.take(1, ended)
    plan.duration.take(ended.duration_s, ended)
    if call.chunks is not None and call.chunks.first_answer_s is not None:
        plan.first_answer_token.take(call.chunks.first_answer_s, ended)


def _record_ledger(call: "FinishedCall", plan: _Plan) -> None:
    ended, tokens = call.ended, call.tokens
    call.using.ledger.add(call.ended_unix_s, call.site.model, call.ended.outcome, call.counts())
    _record_dollars(call, plan)
    if call.is_unreconciled:
        plan.unreconciled.take(1, ended)
    if call.is_incomplete:
        plan.incomplete.take(1, ended)
        if tokens is not None and tokens.total:
            plan.incomplete_tokens.take(tokens.total, ended)
    if tokens is None or not call.has_usage:
        return
    for feed, count in zip(plan.tokens, tokens.buckets, strict=True):
        if count:
            feed.take(count, ended)
    if call.unpriced_tokens:
        plan.unpriced.take(call.unpriced_tokens, ended)


def _record_dollars(call: "FinishedCall", plan: _Plan) -> None:
    ended = call.ended
    if call.cost_usd is not None:
        plan.cost.take(call.cost_usd, ended)
    if call.saved_usd:
        plan.savings.take(call.saved_usd, ended)
    if call.repeat_usd:
        plan.retry_cost.take(call.repeat_usd * lost_attempts(call.attempts), ended)
    for charge, units, cost_usd in call.charges:
        feeds = plan.by_charge(charge)
        feeds[0].take(units, ended)
        if cost_usd is not None:
            feeds[1].take(cost_usd, ended)


def _record_attempts(call: "FinishedCall", plan: _Plan) -> None:
    ended = call.ended
    cause: tuple[Feed, Feed, Feed, Feed] | None = None
    for attempt in call.attempts:
        feeds = plan.by_reason(attempt.reason)
        feeds[0].take(1, ended)
        if attempt.advised_s is not None:
            feeds[3].take(attempt.advised_s, ended)
        if cause is not None:
            cause[1].take(1, ended)
            if attempt.wait_s is not None:
                cause[2].take(attempt.wait_s, ended)
        cause = feeds
