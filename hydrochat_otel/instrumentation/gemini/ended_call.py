"""A call that has ended: what the host's path leaves for the thread that drains, or for a reader of its span."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from opentelemetry.util.types import AttributeValue

from hydrochat_otel.instrumentation.attribution import Dimensions, Within
from hydrochat_otel.instrumentation.batched import grouped
from hydrochat_otel.instrumentation.finished import Ended
from hydrochat_otel.instrumentation.gemini.attempts import Attempt, lost_attempts
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabels
from hydrochat_otel.instrumentation.gemini.call_ledger import NOTHING_KNOWN
from hydrochat_otel.instrumentation.gemini.call_metrics import plan_of
from hydrochat_otel.instrumentation.gemini.chunk_times import ChunkTimes
from hydrochat_otel.instrumentation.gemini.finished_call import UNSETTLED, FinishedCall
from hydrochat_otel.instrumentation.gemini.reply_record import ReplyRecord
from hydrochat_otel.instrumentation.gemini.settling import settle
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry

_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""


class EndedCall(NamedTuple):
    """One call that has ended; its frozen record is made when it is first needed. Any thread may call.

    Attributes:
        using: The instruments that record it.
        labels: Its labels.
        within: The tracked operations that it was made in.
        dimensions: The application's own dimensions that it was made under.
        ended: When and how it ended.
        attempts: The HTTP requests that were sent for it.
        replies: What its replies state; does not change any more.
        started_ns: When it started, by the clock of its chunks.
        chunks: When its chunks came; None unless it is a stream with a chunk.
        made: The frozen record, once it is made.
    """

    using: Instruments
    labels: CallLabels
    within: Within
    dimensions: Dimensions
    ended: Ended
    attempts: tuple[Attempt, ...]
    replies: ReplyRecord
    started_ns: int
    chunks: ChunkTimes | None
    made: list[FinishedCall]

    def span_attributes(self) -> dict[str, AttributeValue]:
        """Return the attributes of its span besides its outcome."""
        return self.finished.span_attributes()

    def entry(self) -> Entry | None:
        """Return its entry for the window; None for a call that was never sent."""
        return self.finished.entry()

    def feed(self) -> None:
        """Feed it to the instruments, together with the others of its drain."""
        plan_of(self.finished).take(self)

    @staticmethod
    def feed_first(waiting: "list[EndedCall]", number: int) -> None:
        """Feed so many of the first in the list together, and remove them from it; or raise, with those left in it."""
        for (plan,), size in grouped(waiting, [plan_of(one.finished) for one in waiting[:number]]):
            plan.take_first(waiting, size)

    @staticmethod
    def prepare(waiting: "Sequence[EndedCall]") -> None:
        """Make the frozen records of several together, as far as that is faster."""
        settle(waiting)

    @property
    def finished(self) -> FinishedCall:
        """The frozen record; two threads that make it at the same time make the same one."""
        made = self.made
        if not made:
            made.append(self._settled())
        return made[0]

    def _settled(self) -> FinishedCall:
        attempts, ended, replies, ledger = self.attempts, self.ended, self.replies, NOTHING_KNOWN
        has_lost_attempts = len(attempts) > 1 and lost_attempts(attempts) > 0
        try:
            started_unix_s = ended.end_unix_ns / 1e9 - ended.duration_s
            ledger = replies.ledger(started_unix_s, has_lost_attempts=has_lost_attempts)
        except BaseException as failure:
            failures.note("google_genai.finish", failure)
        finished: FinishedCall = _new(
            FinishedCall,
            (
                *self[:6],  # what it has in common with this one
                *ledger,
                self._is_incomplete(has_lost_attempts=has_lost_attempts),
                replies.has_answered,
                replies.response_model,
                str(replies.response_id),
                replies.finish_reasons,
                replies.cached_content_tokens,
                None if self.chunks is None else self.chunks.arrivals(self.started_ns),
            ),
        )
        return finished

    def _is_incomplete(self, *, has_lost_attempts: bool) -> bool:
        """Return whether the service may charge for more than the call saw of its usage."""
        if not self.labels.has_tokens:
            return False
        if has_lost_attempts:
            return True
        if self.ended.outcome not in UNSETTLED:
            return False
        replies = self.replies
        if (replies.declared_error or replies.is_cancelled) and replies.states_usage:
            return False  # the reply itself states its end and its usage until then
        return replies.has_answered or (bool(self.attempts) and self.attempts[-1].may_be_charged)
