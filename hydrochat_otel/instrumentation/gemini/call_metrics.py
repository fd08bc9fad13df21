"""Feeds finished calls to the instruments; runs while the queue drains, not on the host's path."""

from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini.finished_call import FinishedCall


def record(call: FinishedCall) -> None:
    """Record everything that is metered of one finished call.

    A call inside another GenAI instrumentation's span, or where instrumentation is suppressed, counts in the
    ``hydrochat.llm.*`` instruments only: whatever made the span feeds the ``gen_ai.*`` ones.
    """
    if call.ended.is_traced:
        _record_conventions(call)
    if call.is_metered:
        attributes = call.using.attributions.attributes(call.within, call.site.model, call.dimensions)
        _record_ledger(call, attributes)
        _record_times(call, attributes)
        _record_attempts(call, attributes)


def record_dropped(call: FinishedCall) -> None:
    """End the span of a call that a finaliser noted, and record it."""
    call.end_span()
    record(call)


def _record_conventions(call: FinishedCall) -> None:
    using, context = call.using, call.ended.inside
    attributes: dict[str, AttributeValue] = dict(call.site.attributes)
    if call.response_model:
        attributes[semconv.GEN_AI_RESPONSE_MODEL] = call.response_model
    if call.first_output_s is not None:
        using.histogram(semconv.GEN_AI_TIME_TO_FIRST_CHUNK).record(call.first_output_s, attributes, context)
        gaps = using.histogram(semconv.GEN_AI_TIME_PER_OUTPUT_CHUNK)
        for gap_s in call.output_gaps_s:
            gaps.record(gap_s, attributes, context)
    if call.tokens is not None and call.has_usage:
        usage = using.histogram(semconv.GEN_AI_TOKEN_USAGE)
        usage.record(call.tokens.input, attributes | {semconv.GEN_AI_TOKEN_TYPE: "input"}, context)
        usage.record(call.tokens.output, attributes | {semconv.GEN_AI_TOKEN_TYPE: "output"}, context)
    if call.ended.error_type is not None:
        attributes[semconv.ERROR_TYPE] = call.ended.error_type
    using.histogram(semconv.GEN_AI_DURATION).record(call.ended.duration_s, attributes, context)


def _record_ledger(call: FinishedCall, attributes: dict[str, str]) -> None:
    using, context, tokens = call.using, call.ended.inside, call.tokens
    ended = {semconv.GEN_AI_OPERATION: call.site.operation, semconv.OUTCOME: call.ended.outcome}
    using.counter(semconv.LLM_CALLS).add(1, attributes | ended, context)
    if call.is_unreconciled:
        using.counter(semconv.LLM_UNRECONCILED_CALLS).add(1, attributes, context)
    model = {semconv.GEN_AI_REQUEST_MODEL: call.site.model}
    if call.is_incomplete:
        using.counter(semconv.LLM_INCOMPLETE_CALLS).add(1, attributes, context)
        if tokens is not None and tokens.total:
            using.counter(semconv.LLM_INCOMPLETE_TOKENS).add(tokens.total, model, context)
    if tokens is None or not call.has_usage:
        return
    counter = using.counter(semconv.LLM_TOKENS)
    for bucket, count in zip(semconv.TOKEN_BUCKETS, tokens.buckets, strict=True):
        if count:
            counter.add(count, attributes | {semconv.TOKEN_BUCKET: bucket}, context)
    if call.cost_usd is not None:
        using.counter(semconv.LLM_COST).add(call.cost_usd, attributes, context)
        using.spending.add(call.cost_usd, call.ended_unix_s)
    elif call.is_unpriced:
        using.counter(semconv.LLM_UNPRICED_TOKENS).add(tokens.total, attributes, context)


def _record_times(call: FinishedCall, attributes: dict[str, str]) -> None:
    using, context = call.using, call.ended.inside
    of_duration = {
        semconv.GEN_AI_REQUEST_MODEL: call.site.model,
        semconv.GEN_AI_OPERATION: call.site.operation,
        semconv.OPERATION: attributes[semconv.OPERATION],
        semconv.OUTCOME: call.ended.outcome,
    }
    using.histogram(semconv.LLM_CALL_DURATION).record(call.ended.duration_s, of_duration, context)
    if call.first_output_s is not None:
        using.histogram(semconv.LLM_FIRST_ANSWER_TOKEN).record(call.first_output_s, attributes, context)


def _record_attempts(call: FinishedCall, attributes: dict[str, str]) -> None:
    using, context = call.using, call.ended.inside
    attempts, retries = using.counter(semconv.LLM_ATTEMPTS), using.counter(semconv.LLM_RETRIES)
    cause = None
    for attempt in call.attempts:
        reason: dict[str, str] = {semconv.REASON: attempt.reason}
        by_model = {semconv.GEN_AI_REQUEST_MODEL: call.site.model, **reason}
        attempts.add(1, attributes | reason, context)
        if attempt.advised_s is not None:
            using.histogram(semconv.LLM_RETRY_ADVISED).record(attempt.advised_s, by_model, context)
        if cause is not None:
            retries.add(1, attributes | cause, context)
            if attempt.wait_s is not None:
                caused = {semconv.GEN_AI_REQUEST_MODEL: call.site.model, **cause}
                using.histogram(semconv.LLM_RETRY_WAIT).record(attempt.wait_s, caused, context)
        cause = reason
