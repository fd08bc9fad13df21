"""One call: one billable request to Gemini from start to finish, whichever function of the SDK made it."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from hydrochat_otel.instrumentation import answer_check, attribution, contexts, instruments
from hydrochat_otel.instrumentation.gemini import alike_chunks
from hydrochat_otel.instrumentation.gemini.attempts import Attempts, status_of
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabelCache, CallLabels
from hydrochat_otel.instrumentation.gemini.chunk_times import ChunkTimes
from hydrochat_otel.instrumentation.gemini.ended_call import EndedCall
from hydrochat_otel.instrumentation.gemini.reply_record import ReplyRecord
from hydrochat_otel.instrumentation.operation import DroppedWork, Work
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.charges import Charge
from hydrochat_otel.runtime import collection, failures
from hydrochat_otel.semconv import Outcome

INFERENCE_KEY: Final = "opentelemetry.genai.client.inference.context"
EMBEDDING_KEY: Final = "opentelemetry.genai.client.embedding.context"
_SUPPRESSED_KEY: Final = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
_UNTRACED_KEYS: Final = frozenset({_SUPPRESSED_KEY, "suppress_instrumentation", INFERENCE_KEY, EMBEDDING_KEY})
"""Context keys that say that another instrumentation's span replaces ours, or that no span is wanted."""
_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""
CALL_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.gemini.call")


class Call(Work):
    """One request to Gemini in progress: its clock and span, its attempts, and the facts of its reply so far.

    Begun by :class:`calls.Calls`. It belongs to one thread or task at a time; only the first of several ends counts.
    No method raises, except :meth:`take_chunk` and :attr:`is_read`.

    Attributes:
        labels: Its labels.
        attempts: The HTTP requests sent for it.
        inside: The context in which it and its span are current; None once it has ended.
        is_read: Reads a chunk that is like the one before and returns True; after anything else :meth:`take_chunk` has
            to read it. None if no chunk can be read like this.
    """

    # What few calls need stays with the class until it is set: a call is made on the host's path.
    inside: Context | None
    is_read: Callable[[Any], bool] | None = None
    _chunks: ChunkTimes | None = None

    def __init__(
        self,
        labels: CallLabels,
        label_cache: CallLabelCache,
        prices: PriceBook,
        using: instruments.Instruments,
        asked: Mapping[str, AttributeValue],
    ) -> None:
        outside = contexts.get_current()
        self.labels = labels
        self.attempts = Attempts()
        self._replies = ReplyRecord(labels, label_cache, prices, using)
        traced = not outside or wants_span(outside)
        super().__init__(using, labels.span_name, asked, outside, kind=SpanKind.CLIENT, traced=traced, key=CALL_KEY)
        self.inside = self.context

    def _leave(self) -> None:
        """Drop the context, which references this call: without the cycle, reference counting frees both."""
        self.inside = self.is_read = None
        self.context = self.outside

    def __enter__(self) -> None:
        """Make the call and its span current in this thread or task: around its request, or one step of its stream.

        :class:`guarded_call.Guarded` restores the context.
        """
        if self.inside is not None:
            contexts.attach(self.inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the call with the exception; an exhausted stream is a complete one."""
        if error is not None:
            self.end_with(error)

    def end_with(self, error: BaseException) -> None:
        """End the call with an exception of its request or of a step of its stream; an exhausted stream is complete."""
        if isinstance(error, StopIteration | StopAsyncIteration):
            self.succeed()
        elif isinstance(error, GeneratorExit) or collection.is_running():
            self.drop()  # a finaliser may close a coroutine
        else:
            self.fail(error)

    # -- the reply -------------------------------------------------------------------------------------------------

    def complete(self, reply: Any) -> None:
        """Read the whole reply and end the call."""
        self.take(reply)
        self.succeed()

    def take(self, reply: Any) -> None:
        """Read the facts of a reply: usage, the model that answered, why it ended; and check it, if a check is set."""
        if self.inside is None:
            return
        try:
            self._replies.read(reply)
            # The context is the one in which the call began; most have no check, nor anything else.
            if self.outside and (refusal := answer_check.refusal(reply)) is not None:
                self._replies.declared_error = self._replies.declared_error or refusal
        except BaseException as error:
            failures.note("google_genai.reply", error)

    def take_chunk(self, chunk: Any) -> None:
        """Read a chunk of a stream and note its time; raises what reading it raises."""
        now_s = time.perf_counter()
        if self.inside is None:
            return
        chunks = self._chunks
        if chunks is None:
            chunks = self._chunks = ChunkTimes()
        chunks.moments_s.append(now_s)
        self.is_read = None
        if self._replies.read(chunk) and not chunks.answer_s:
            chunks.answer_s = now_s
        if chunks.answer_s:
            self.is_read = alike_chunks.reader(self._replies, chunks, chunk)

    def close_turn(self) -> None:
        """End one turn of a live session: its counts stand, and the next turn's are added."""
        if self.inside is not None:
            self._replies.close_turn()

    def charge(self, charge: Charge, units: float) -> None:
        """Note units that are charged in addition to the tokens."""
        if self.inside is not None:
            self._replies.charge(charge, units)

    def take_response(self, response: Any) -> None:
        """Keep the usage in the raw body of an embedding, which older versions of the SDK leave out of the reply."""
        if not self.labels.has_output and self.inside is not None:
            try:
                self._replies.take_response(response)
            except BaseException as error:
                failures.note("google_genai.reply", error)

    # -- the end ---------------------------------------------------------------------------------------------------

    def succeed(self) -> None:
        """End the call: the reply is complete."""
        replies = self._replies
        declared: Outcome = "cancelled" if replies.is_cancelled else "blocked" if replies.is_blocked else "ok"
        self._end(None, "error" if replies.declared_error else declared)

    def abandon(self, error: BaseException | None = None) -> None:
        """End the call of a caller that left; a stream that had stated its finish reason still counts as complete."""
        if any(self._replies.finish_reasons) or self._replies.is_refused:
            self.succeed()
        else:
            self._end(error, "cancelled")

    def fail(self, error: BaseException) -> None:
        """End the call with an exception of the SDK; a cancellation is not an error."""
        self._end(error, None)

    def drop(self) -> None:
        """End the call of what is no longer referenced; a finaliser calls this, so it only notes the end."""
        if not self._close():
            return
        self._leave()
        ended_ns, replies = time.perf_counter_ns(), self._replies
        outcome: Outcome = "blocked" if replies.is_blocked else "ok" if any(replies.finish_reasons) else "cancelled"
        self.instruments.queue.note(lambda: DroppedWork(self, self._record(None, outcome, ended_ns)))

    def _end(self, error: BaseException | None, outcome: Outcome | None) -> None:
        if not self._close():
            return
        self._leave()
        record = self._record(error, outcome, time.perf_counter_ns())
        span = self.span
        if span is not None:
            try:
                record.ended.end_span(span, record.span_attributes)
            except BaseException as failure:
                failures.note("google_genai.finish", failure)
        self.instruments.queue.put(record)

    def _record(self, error: BaseException | None, outcome: Outcome | None, ended_ns: int) -> EndedCall:
        error_type = self._replies.declared_error
        if error is not None:
            try:
                status = status_of(error)
                error_type = error_type if status is None else str(status)
            except BaseException as failure:
                failures.note("google_genai.finish", failure)
        fields: tuple[Any, ...] = (
            self.instruments,
            self.labels,
            *attribution.of(self.outside),
            self._ended(error, outcome, error_type or None, ended_ns),
            self.attempts.made,
            self._replies,
            self._started_ns,
            self._chunks,
            [],
        )
        record: EndedCall = _new(EndedCall, fields)
        return record


def wants_span(current: Context) -> bool:
    """Return whether the call needs a span of ours: no other instrumentation's replaces it, and none is refused."""
    return _UNTRACED_KEYS.isdisjoint(current) or not any(current.get(key) for key in _UNTRACED_KEYS)


def current_call() -> Call | None:
    """Return the call that is current in this thread or task, or None."""
    call = contexts.get_current().get(CALL_KEY)
    return call if isinstance(call, Call) else None
