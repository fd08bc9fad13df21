"""One call: one billable request to Gemini from start to finish, whatever of the SDK's functions it came through."""

import time
from collections.abc import Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import answer_check, instruments
from hydrochat_otel.instrumentation.gemini import call_metrics, reply_facts
from hydrochat_otel.instrumentation.gemini.attempts import Attempts, status_of
from hydrochat_otel.instrumentation.gemini.call_labels import Site, Sites
from hydrochat_otel.instrumentation.operation import Operation, outcome_of
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.usage import Tokens, UsageRecord, total_of
from hydrochat_otel.runtime import failures
from hydrochat_otel.semconv import Outcome

INFERENCE_KEY: Final = "opentelemetry.genai.client.inference.context"
EMBEDDING_KEY: Final = "opentelemetry.genai.client.embedding.context"
_OTHERS_SPAN_KEYS: Final = (INFERENCE_KEY, EMBEDDING_KEY)
_SUPPRESSED_KEYS: Final = (
    getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
    "suppress_instrumentation",
)
_CALL_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.gemini.call")


class Call:
    """One request to Gemini: its clock and span, its attempts, what its reply said, and how it ended.

    Begun by :func:`begin`. It belongs to one thread or task at a time; only the first of several endings counts. No
    method raises.

    Attributes:
        site: What it has in common with others.
        operation: Its clock and span.
        attempts: The HTTP requests sent for it.
        metered: Whether it is counted as a call; counting tokens is not.
        bills_tokens: Whether its reply is expected to carry usage.
        tokens: What it used; known once it is finished.
        cost_usd: What that cost; None where no price is known or nothing is known to be used.
        response_model: Label of the version that answered; empty where the reply names none.
        first_output_s: Seconds to the first chunk with more than thoughts; None for what is no stream.
        output_gaps_s: Seconds between the chunks with more than thoughts.
    """

    __slots__ = (
        "_answered_by",
        "_inside",
        "_last_output_s",
        "_prices",
        "_sites",
        "_started_unix_s",
        "_token",
        "_turns",
        "attempts",
        "bills_tokens",
        "body",
        "cached_content_tokens",
        "cost_usd",
        "declared_error",
        "finish_reasons",
        "first_output_s",
        "metered",
        "operation",
        "output_gaps_s",
        "refused",
        "response_model",
        "site",
        "tokens",
        "traced",
        "usage",
    )

    def __init__(self, site: Site, sites: Sites, prices: PriceBook, using: instruments.Instruments) -> None:
        self.site = site
        self._sites = sites
        self._prices = prices
        self.metered = site.operation not in semconv.UNBILLED_OPERATIONS
        self.bills_tokens = site.operation in semconv.TOKEN_OPERATIONS
        self.attempts = Attempts()
        self.usage = UsageRecord()
        self.finish_reasons: tuple[str, ...] = ()
        self.refused = False
        self.response_model = ""
        self.tokens: Tokens | None = None
        self.cost_usd: float | None = None
        self.cached_content_tokens: int | None = None
        self.body: str | None = None
        self.first_output_s: float | None = None
        self.output_gaps_s: list[float] = []
        self.declared_error = ""
        self._turns: list[Tokens] = []
        self._answered_by = ""
        self._last_output_s = 0.0
        self._started_unix_s = time.time()
        current = context_api.get_current()
        self.traced = not any(current.get(key) for key in (*_SUPPRESSED_KEYS, *_OTHERS_SPAN_KEYS))
        self.operation = Operation(using, site.span_name, site.attributes, SpanKind.CLIENT, traced=self.traced)
        self._token: Token[Context] | None = None
        self._inside: Context | None = context_api.set_value(_CALL_KEY, self, self.operation.context)

    def __enter__(self) -> None:
        """Make the call and its span current in this thread or task: around its request, or one step of its stream."""
        if self._inside is not None:
            self._token = context_api.attach(self._inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Undo it, and end the call with what was raised; an exhausted stream is a complete one."""
        token, self._token = self._token, None
        if token is not None:
            context_api.detach(token)
        if isinstance(error, StopIteration | StopAsyncIteration):
            self.succeed()
        elif error is not None:
            self.fail(error)

    def complete(self, reply: Any) -> None:
        """Read the whole reply and end the call."""
        self.take(reply)
        self.succeed()

    def take(self, reply: Any) -> None:
        """Read what a reply or a chunk says: usage, the model that answered, why it ended."""
        try:
            reply_facts.read(self, reply)
            self.declared_error = self.declared_error or answer_check.refusal(reply) or ""
        except Exception as error:
            failures.note("google_genai.reply", error)

    def take_chunk(self, chunk: Any) -> None:
        """Read a chunk of a stream and the moment it came."""
        elapsed_s = self.operation.elapsed_s
        self.take(chunk)
        try:
            if reply_facts.has_output(chunk):
                if self.first_output_s is None:
                    self.first_output_s = elapsed_s
                else:
                    self.output_gaps_s.append(elapsed_s - self._last_output_s)
                self._last_output_s = elapsed_s
        except Exception as error:
            failures.note("google_genai.reply", error)

    def close_turn(self) -> None:
        """End one turn of a live session: its counts stand, and the next turn's are added."""
        if self.usage.is_known:
            self._turns.append(self.usage.tokens())
            self.usage = UsageRecord()

    def take_response(self, response: Any) -> None:
        """Keep the raw body of an embedding, whose usage record older versions of the SDK leave out of the reply."""
        if self.site.operation == "embeddings":
            try:
                (self.body,) = response.response_stream
            except Exception as error:
                failures.note("google_genai.reply", error)

    def answered_by(self, model: str) -> None:
        """Note the model version that a reply names."""
        if model != self._answered_by:
            self._answered_by = model
            self.response_model = self._sites.label(self.operation.instruments, model)

    def succeed(self) -> None:
        """End the call: the reply is complete."""
        self._end(None, "error" if self.declared_error else "blocked" if self._is_blocked else "ok")

    def abandon(self, error: BaseException | None = None) -> None:
        """End the call of a caller who left; a stream that had said why it ends was complete all the same."""
        if self.finish_reasons or self.refused:
            self.succeed()
        else:
            self._end(error, "cancelled")

    def drop(self) -> None:
        """End the call of a stream that nobody holds any more; called by finalisers, so it only notes it."""
        if self._inside is None:
            return
        if not self.operation.instruments.queue.hand_over((self._end_dropped, time.perf_counter_ns())):
            self.abandon()

    def _end_dropped(self, ended_ns: int) -> None:
        outcome: Outcome = "blocked" if self._is_blocked else "ok" if self.finish_reasons else "cancelled"
        if self._finish(None, outcome, ended_ns):
            call_metrics.record(self)

    def fail(self, error: BaseException) -> None:
        """End the call with what the SDK raised; cancellations are no errors."""
        self._end(error, None)

    @property
    def ended_unix_s(self) -> float:
        """When it ended, in seconds since the epoch; when it began, while it has not ended."""
        return self._started_unix_s + (self.operation.duration_s or 0.0)

    @property
    def _is_blocked(self) -> bool:
        reasons = self.finish_reasons
        return self.refused or (bool(reasons) and all(reason in reply_facts.BLOCKING for reason in reasons))

    def _end(self, error: BaseException | None, outcome: Outcome | None) -> None:
        if self._finish(error, outcome):
            self.operation.instruments.defer(call_metrics.record, self)

    def _finish(self, error: BaseException | None, outcome: Outcome | None, ended_ns: int | None = None) -> bool:
        if self._inside is None:
            return False
        self._inside = None  # it holds this call: without the cycle, counting references frees both
        try:
            status = None if error is None else status_of(error)
            attributes = self._account()
            outcome = outcome or outcome_of(error)
            if self.tokens is not None:
                if self.tokens.total and outcome in {"error", "cancelled"}:
                    attributes[semconv.ESTIMATED] = False
                if not self.tokens.reconciled and outcome != "error":
                    attributes[semconv.UNRECONCILED] = True
            return self.operation.finish(
                error,
                outcome=outcome,
                error_type=(self.declared_error or None) if status is None else str(status),
                attributes=attributes,
                ended_ns=ended_ns,
            )
        except Exception as failure:
            failures.note("google_genai.finish", failure)
            return self.operation.finish(error, outcome=outcome, ended_ns=ended_ns)

    def _account(self) -> dict[str, AttributeValue]:
        """Close the ledger and return what it adds to the span."""
        attributes: dict[str, AttributeValue] = {}
        if self.body is not None:
            reply_facts.read_body(self, self.body)
            self.body = None
        if self.bills_tokens:
            self._account_tokens(attributes)
        if self.response_model:
            attributes[semconv.GEN_AI_RESPONSE_MODEL] = self.response_model
        if self.finish_reasons:
            attributes[semconv.GEN_AI_FINISH_REASONS] = self.finish_reasons
        if self.cached_content_tokens is not None:
            attributes[semconv.CACHED_CONTENT_TOKENS] = self.cached_content_tokens
        attributes.update(_told_of(self.attempts))
        return attributes

    def _account_tokens(self, attributes: dict[str, AttributeValue]) -> None:
        self.close_turn()
        turns = self._turns or (self.usage.tokens(),)
        tokens = self.tokens = turns[0] if len(turns) == 1 else total_of(turns)
        attributes.update({name: n for name, n in zip(_BUCKET_ATTRIBUTES, tokens.buckets, strict=True) if n})
        for bucket, modalities in tokens.modalities:
            for name, count in modalities.items():
                attributes[f"{semconv.MODALITY_TOKENS}{bucket}.{name.lower()}"] = count
        if tokens.total or tokens.reconciled:
            attributes[semconv.GEN_AI_INPUT_TOKENS] = tokens.input
            attributes[semconv.GEN_AI_OUTPUT_TOKENS] = tokens.output
            self._price(turns, attributes)
        if tokens.service_tier != "standard":
            attributes[semconv.SERVICE_TIER] = tokens.service_tier

    def _price(self, turns: Sequence[Tokens], attributes: dict[str, AttributeValue]) -> None:
        model = self._answered_by or self.site.model_id
        costs = [self._prices.cost_usd(model, turn, self._started_unix_s) for turn in turns]
        known = [cost for cost in costs if cost is not None]
        if len(known) == len(costs):
            self.cost_usd = attributes[semconv.COST_USD] = sum(known)
        elif any(turn.total for turn in turns):
            attributes[semconv.UNPRICED] = True


_BUCKET_ATTRIBUTES: Final = tuple(semconv.BUCKET_TOKENS + bucket for bucket in semconv.TOKEN_BUCKETS)


def _told_of(attempts: Attempts) -> Mapping[str, AttributeValue]:
    made = attempts.made
    if len(made) == 1 and made[0].reason == "2xx":
        return {}
    told: dict[str, AttributeValue] = {semconv.ATTEMPTS: len(made)}
    if made:
        told[semconv.ATTEMPT_REASONS] = [attempt.reason for attempt in made]
        if waits := [attempt.wait_s for attempt in made if attempt.wait_s is not None]:
            told[semconv.RETRY_WAITS_S] = waits
        if advised := [attempt.advised_s for attempt in made if attempt.advised_s is not None]:
            told[semconv.RETRY_ADVISED_S] = max(advised)
    return told


def current_call() -> Call | None:
    """Return the call that is current in this thread or task, or None."""
    call = context_api.get_value(_CALL_KEY)
    return call if isinstance(call, Call) else None


class Calls:
    """Begins calls; what the patched functions hold on to.

    Args:
        prices: What the calls are priced by.
    """

    def __init__(self, prices: PriceBook) -> None:
        self.prices = prices
        self.sites = Sites(prices)

    def begin(self, operation: str, model: object, api_client: Any, config: object = None) -> Call | None:
        """Begin a call; never raises, None if the telemetry failed and the call goes on without it."""
        try:
            using = instruments.current()
            site = self.sites.at(using, operation, model, api_client, config)
            return Call(site, self.sites, self.prices, using)
        except Exception as error:
            failures.note("google_genai.begin", error)
            return None
