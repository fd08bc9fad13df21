"""One call: one billable request to Gemini from start to finish, whichever function of the SDK made it."""

import time
from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from hydrochat_otel.instrumentation import answer_check, attribution, instruments
from hydrochat_otel.instrumentation.gemini import reply_facts
from hydrochat_otel.instrumentation.gemini.attempts import Attempts, status_of
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabelCache, CallLabels
from hydrochat_otel.instrumentation.gemini.call_ledger import CallLedger, Pricing
from hydrochat_otel.instrumentation.gemini.chunk_times import ChunkTimes
from hydrochat_otel.instrumentation.gemini.finished_call import UNSETTLED, Charged, FinishedCall
from hydrochat_otel.instrumentation.gemini.reply_facts import ReplyFacts
from hydrochat_otel.instrumentation.gemini.reply_uses import Uses
from hydrochat_otel.instrumentation.operation import DroppedWork, Work
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.charges import Charge, charged_units
from hydrochat_otel.prices.model_names import bare_id
from hydrochat_otel.prices.usage import Tokens, UsageRecord
from hydrochat_otel.runtime import failures
from hydrochat_otel.semconv import Outcome

INFERENCE_KEY: Final = "opentelemetry.genai.client.inference.context"
EMBEDDING_KEY: Final = "opentelemetry.genai.client.embedding.context"
_SUPPRESSED_KEY: Final = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
_UNTRACED_KEYS: Final = frozenset({_SUPPRESSED_KEY, "suppress_instrumentation", INFERENCE_KEY, EMBEDDING_KEY})
"""Context keys that say that another instrumentation's span replaces ours, or that no span is wanted."""
_CALL_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.gemini.call")


class Call(Work):
    """One request to Gemini in progress: its clock and span, its attempts, and the facts of its reply so far.

    Begun by :class:`calls.Calls`. It belongs to one thread or task at a time; only the first of several ends counts.
    No method raises.

    Attributes:
        labels: Its labels.
        attempts: The HTTP requests sent for it.
        inside: The context in which it and its span are current; None once it has ended.
    """

    # What few calls need stays with the class until it is set: a call is made on the host's path.
    inside: Context | None
    _turns: tuple[Tokens, ...] = ()
    _usage_record: UsageRecord | None = None
    _usage_follows = False
    _uses: Uses | None = None
    _charges: dict[Charge, float] | None = None
    _body: str | None = None
    _answered_by = ""
    _response_model = ""
    _response_id = ""
    _finish_reasons: tuple[str, ...] = ()
    _has_answered = False
    _is_cancelled = False
    _is_refused = False
    _declared_error = ""
    _cached_content_tokens: int | None = None
    _chunks: ChunkTimes | None = None
    _token: Token[Context] | None = None

    def __init__(
        self,
        labels: CallLabels,
        label_cache: CallLabelCache,
        prices: PriceBook,
        using: instruments.Instruments,
        asked: Mapping[str, AttributeValue],
    ) -> None:
        outside = context_api.get_current()
        traced = wants_span(outside)
        super().__init__(using, labels.span_name, asked, outside, kind=SpanKind.CLIENT, traced=traced)
        self.labels = labels
        self.attempts = Attempts()
        self._label_cache = label_cache
        self._prices = prices
        dict.__setitem__(self.context, _CALL_KEY, self)  # no other code has this context yet
        self.inside = self.context

    def _leave(self) -> None:
        """Drop the context, which references this call: without the cycle, reference counting frees both."""
        self.inside = None
        self.context = self.outside

    def __enter__(self) -> None:
        """Make the call and its span current in this thread or task: around its request, or one step of its stream."""
        if self.inside is not None:
            self._token = context_api.attach(self.inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Undo it, and end the call with the exception; an exhausted stream is a complete one."""
        token, self._token = self._token, None
        if token is not None:
            context_api.detach(token)
        if error is not None:
            self.end_with(error)

    def end_with(self, error: BaseException) -> None:
        """End the call with an exception of its request or of a step of its stream; an exhausted stream is complete."""
        if isinstance(error, StopIteration | StopAsyncIteration):
            self.succeed()
        else:
            self.fail(error)

    # -- the reply -------------------------------------------------------------------------------------------------

    def complete(self, reply: Any) -> None:
        """Read the whole reply and end the call."""
        self.take(reply)
        self.succeed()

    def take(self, reply: Any) -> None:
        """Read the facts of a reply: usage, the model that answered, why it ended; and check it, if a check is set."""
        try:
            self._read(reply)
            if (refusal := answer_check.refusal(reply)) is not None:
                self._declared_error = self._declared_error or refusal
        except BaseException as error:
            failures.note("google_genai.reply", error)

    def take_chunk(self, chunk: Any) -> None:
        """Read a chunk of a stream and note its time."""
        now_ns = time.perf_counter_ns()
        try:
            chunks = self._chunks
            if chunks is None:
                chunks = self._chunks = ChunkTimes()
            chunks.moments_ns.append(now_ns)
            has_output = self._read(chunk)
            if not chunks.answer_ns and (reply_facts.has_output(chunk) if has_output is None else has_output):
                chunks.answer_ns = now_ns
        except BaseException as error:
            failures.note("google_genai.reply", error)

    def _read(self, reply: Any) -> bool | None:
        """Note the facts of a reply or chunk; return whether an ordinary one has output, None for any other."""
        facts = reply_facts.plain(reply)
        if facts is None:
            self._note(reply_facts.read(self.labels.operation, reply))
            return None
        usage, model, response_id, reason, has_output = facts
        self._has_answered, self._usage_follows = True, False
        if usage is not None:
            (self._usage_record or self._usage).take(usage)
        if model != self._answered_by and model:
            self._answered_by = str(model)
            self._response_model = self._label_cache.label(self.instruments, self._answered_by)
        if response_id:
            self._response_id = response_id
        if reason or (reason is not None and not self._finish_reasons):
            self._finish_reasons = reply_facts.merged(self._finish_reasons, (reason,))
        return has_output

    def close_turn(self) -> None:
        """End one turn of a live session: its counts stand, and the next turn's are added."""
        if self._usage.is_known:
            self._turns = (*self._turns, self._usage.tokens(refused=self._is_refused))
            self._usage_record = None

    def charge(self, charge: Charge, units: float) -> None:
        """Note units that are charged in addition to the tokens."""
        if self._charges is None:
            self._charges = {}
        self._charges[charge] = self._charges.get(charge, 0.0) + units

    @property
    def _usage(self) -> UsageRecord:
        """The usage of the current turn."""
        usage = self._usage_record
        if usage is None:
            usage = self._usage_record = UsageRecord(prompt_only=self.labels.operation == "embeddings")
            if self.labels.operation == "batch_result":
                usage.take_batch()
        return usage

    def take_response(self, response: Any) -> None:
        """Keep the raw body of an embedding, whose usage older versions of the SDK leave out of the reply."""
        if not self.labels.has_output:
            try:
                (self._body,) = response.response_stream
            except BaseException as error:
                failures.note("google_genai.reply", error)

    def _note(self, facts: ReplyFacts) -> None:
        self._has_answered = True
        if facts.usage is not None:
            self._usage.take(facts.usage)
        if facts.prompt_tokens is not None:
            self._usage.take_prompt(facts.prompt_tokens)
        if facts.cached_content_tokens is not None:
            self._cached_content_tokens = facts.cached_content_tokens
        if facts.model and facts.model != self._answered_by:
            self._answered_by = facts.model
            self._response_model = self._label_cache.label(self.instruments, facts.model)
        if facts.response_id:
            self._response_id = facts.response_id
        if facts.finish_reasons:
            self._finish_reasons = reply_facts.merged(self._finish_reasons, facts.finish_reasons)
        if facts.service_tier:
            self._usage.take_service_tier(facts.service_tier)
        self._is_refused = self._is_refused or facts.is_refused
        self._is_cancelled = self._is_cancelled or facts.is_cancelled
        self._usage_follows = facts.usage_follows
        if facts.uses:
            if self._uses is None:
                self._uses = Uses()
            self._uses.take(facts.uses)
        self._declared_error = self._declared_error or facts.declared_error

    # -- the end ---------------------------------------------------------------------------------------------------

    def succeed(self) -> None:
        """End the call: the reply is complete."""
        declared: Outcome = "cancelled" if self._is_cancelled else "blocked" if self._is_blocked else "ok"
        self._end(None, "error" if self._declared_error else declared)

    def abandon(self, error: BaseException | None = None) -> None:
        """End the call of a caller that left; a stream that had stated its finish reason still counts as complete."""
        if any(self._finish_reasons) or self._is_refused:
            self.succeed()
        else:
            self._end(error, "cancelled")

    def fail(self, error: BaseException) -> None:
        """End the call with an exception of the SDK; a cancellation is not an error."""
        self._end(error, None)

    def drop(self) -> None:
        """End the call of a stream that is no longer referenced; a finaliser calls this, so it only notes the end."""
        if not self._close():
            return
        self._leave()
        ended_ns = time.perf_counter_ns()
        outcome: Outcome = "blocked" if self._is_blocked else "ok" if any(self._finish_reasons) else "cancelled"
        self.instruments.queue.note(lambda: DroppedWork(self, self._record(None, outcome, ended_ns)))

    @property
    def _is_blocked(self) -> bool:
        return self._is_refused or reply_facts.is_blocked(self._finish_reasons)

    def _end(self, error: BaseException | None, outcome: Outcome | None) -> None:
        if not self._close():
            return
        self._leave()
        finished = self._record(error, outcome, time.perf_counter_ns())
        try:
            self.end_span(finished.ended, finished.span_attributes())
        except BaseException as failure:
            failures.note("google_genai.finish", failure)
        self.instruments.queue.put(finished)

    def _record(self, error: BaseException | None, outcome: Outcome | None, ended_ns: int) -> FinishedCall:
        error_type, ledger = self._declared_error, CallLedger()
        try:
            status = None if error is None else status_of(error)
            error_type = error_type if status is None else str(status)
            ledger = self._account()
        except BaseException as failure:
            failures.note("google_genai.finish", failure)
        ended = self._ended(error, outcome, error_type or None, ended_ns)
        return FinishedCall(
            self.instruments,
            self.labels,
            attribution.within(self.outside) or attribution.OUTSIDE,
            attribution.dimensions(self.outside),
            ended,
            self.attempts.made,
            ledger.tokens,
            ledger.token_cost_usd,
            ledger.saved_usd,
            ledger.repeat_usd,
            ledger.charges,
            self._is_incomplete(ended.outcome),
            self._has_answered,
            self._response_model,
            str(self._response_id),
            self._finish_reasons,
            self._cached_content_tokens,
            None if self._chunks is None else self._chunks.arrivals(self._started_ns),
        )

    def _is_incomplete(self, outcome: Outcome) -> bool:
        """Return whether the service may charge for more than the call saw of its usage."""
        if self.attempts.lost and self.labels.has_tokens:
            return True
        if outcome not in UNSETTLED:
            return False
        if (self._declared_error or self._is_cancelled) and self._turns:
            return False  # the reply itself states its end and its usage until then
        if not self.labels.has_tokens:
            return False
        return self._has_answered or self.attempts.may_be_charged

    def _account(self) -> CallLedger:
        """Compute tokens and dollars."""
        pricing = Pricing(self._prices, self._answered_by or self.labels.model_id, self.started_unix_s)
        charges = self._account_charges(pricing)
        usage = self._usage
        if not self.labels.has_tokens or (self._usage_follows and not usage.is_known):
            return CallLedger(charges=charges)
        if self._body is not None and not usage.is_known:
            usage.take(reply_facts.usage_of_body(self._body))
        self._body = None
        turns = self._turns
        if usage.is_known or not turns:
            turns = (*turns, usage.tokens(refused=self._is_refused))
            self._turns = turns if usage.is_known else ()
        return pricing.ledger(turns, charges, has_lost_attempts=self.attempts.lost > 0)

    def _account_charges(self, pricing: Pricing) -> tuple[Charged, ...]:
        if self._uses is None and self._charges is None:
            return ()
        units: dict[Charge, float] = dict(self._charges or {})
        for charge, uses in ({} if self._uses is None else self._uses.counts()).items():
            units[charge] = units.get(charge, 0.0) + charged_units(charge, bare_id(pricing.model), uses)
        return pricing.charges(units)


def wants_span(current: Context) -> bool:
    """Return whether the call needs a span of ours: no other instrumentation's replaces it, and none is refused."""
    return _UNTRACED_KEYS.isdisjoint(current) or not any(current.get(key) for key in _UNTRACED_KEYS)


def current_call() -> Call | None:
    """Return the call that is current in this thread or task, or None."""
    call = context_api.get_current().get(_CALL_KEY)
    return call if isinstance(call, Call) else None
