"""Feeds finished calls to the instruments; runs while the queue drains, not on the host's path."""

from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.instruments import Instruments

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.gemini.call import Call


def record(call: "Call") -> None:
    """Record everything that is metered of one finished call.

    A call inside another GenAI instrumentation's span, or where instrumentation is suppressed, counts in the
    ``hydrochat.llm.*`` instruments only: the ``gen_ai.*`` ones are fed by whoever made the span.
    """
    using = call.operation.instruments
    context = call.operation.context
    if call.traced:
        _record_conventions(call, using, context)
    if call.metered:
        _record_ledger(call, using, context)
        _record_attempts(call, using, context)


def _record_conventions(call: "Call", using: Instruments, context: Context) -> None:
    attributes: dict[str, AttributeValue] = dict(call.site.attributes)
    if call.response_model:
        attributes[semconv.GEN_AI_RESPONSE_MODEL] = call.response_model
    if call.first_output_s is not None:
        using.histogram(semconv.GEN_AI_TIME_TO_FIRST_CHUNK).record(call.first_output_s, attributes, context)
        gaps = using.histogram(semconv.GEN_AI_TIME_PER_OUTPUT_CHUNK)
        for gap_s in call.output_gaps_s:
            gaps.record(gap_s, attributes, context)
    tokens = call.tokens
    if tokens is not None and (tokens.total or tokens.reconciled):
        usage = using.histogram(semconv.GEN_AI_TOKEN_USAGE)
        usage.record(tokens.input, attributes | {semconv.GEN_AI_TOKEN_TYPE: "input"}, context)
        usage.record(tokens.output, attributes | {semconv.GEN_AI_TOKEN_TYPE: "output"}, context)
    if call.operation.error_type is not None:
        attributes[semconv.ERROR_TYPE] = call.operation.error_type
    using.histogram(semconv.GEN_AI_DURATION).record(call.operation.duration_s or 0.0, attributes, context)


def _record_ledger(call: "Call", using: Instruments, context: Context) -> None:
    model: dict[str, AttributeValue] = {semconv.GEN_AI_REQUEST_MODEL: call.site.model}
    outcome = call.operation.outcome or "ok"
    using.counter(semconv.LLM_CALLS).add(
        1, model | {semconv.GEN_AI_OPERATION: call.site.operation, semconv.OUTCOME: outcome}, context
    )
    tokens = call.tokens
    if tokens is None:
        return
    if not tokens.reconciled and outcome != "error":
        using.counter(semconv.LLM_UNRECONCILED_CALLS).add(1, model, context)
    if not (tokens.total or tokens.reconciled):
        return
    counter = using.counter(semconv.LLM_TOKENS)
    for bucket, count in zip(semconv.TOKEN_BUCKETS, tokens.buckets, strict=True):
        if count:
            counter.add(count, model | {semconv.TOKEN_BUCKET: bucket}, context)
    if call.cost_usd is not None:
        using.counter(semconv.LLM_COST).add(call.cost_usd, model, context)
        using.spending.add(call.cost_usd, call.ended_unix_s)
    elif tokens.total:
        using.counter(semconv.LLM_UNPRICED_TOKENS).add(tokens.total, model, context)


def _record_attempts(call: "Call", using: Instruments, context: Context) -> None:
    attempts, retries = using.counter(semconv.LLM_ATTEMPTS), using.counter(semconv.LLM_RETRIES)
    cause = None
    for attempt in call.attempts.made:
        attributes = {semconv.GEN_AI_REQUEST_MODEL: call.site.model, semconv.REASON: attempt.reason}
        attempts.add(1, attributes, context)
        if attempt.advised_s is not None:
            using.histogram(semconv.LLM_RETRY_ADVISED).record(attempt.advised_s, attributes, context)
        if cause is not None:
            retries.add(1, cause, context)
            if attempt.wait_s is not None:
                using.histogram(semconv.LLM_RETRY_WAIT).record(attempt.wait_s, cause, context)
        cause = attributes
