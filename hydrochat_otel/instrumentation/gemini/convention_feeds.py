"""The feeds of the conventions' own metrics for calls that are alike, by today's names or by the next ones.

``OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental`` chooses the next names instead of today's, never both.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.feeds import Attributes, Feed
from hydrochat_otel.instrumentation.gemini import token_modalities
from hydrochat_otel.instrumentation.instruments import Instruments

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.gemini.finished_call import FinishedCall

_INFERENCE: Final = frozenset({"chat", "generate_content"})
_EMBEDDINGS: Final = "embeddings"


class ConventionFeeds(Protocol):
    """What calls of one kind feed."""

    def take(self, calls: "Sequence[FinishedCall]") -> None:
        """Feed finished calls, at least one."""


def feeds_of(call: "FinishedCall") -> ConventionFeeds:
    """Return the feeds of a call and of all that are like it."""
    attributes: dict[str, AttributeValue] = dict(call.labels.attributes)
    if call.response_model:
        attributes[semconv.GEN_AI_RESPONSE_MODEL] = call.response_model
    error = call.ended.error_type
    ended = attributes if error is None else attributes | {semconv.ERROR_TYPE: error}
    operation = attributes[semconv.GEN_AI_OPERATION]
    if call.using.next_names and (operation in _INFERENCE or call.is_result):
        return _InferenceFeeds(call.using, attributes, ended)
    if call.using.next_names and operation == _EMBEDDINGS:
        return _EmbeddingFeeds(call.using, ended)
    return _TodayFeeds(call.using, attributes, ended)


class _TodayFeeds:
    """Today's four metrics; of the next names' also the duration of what is neither inference nor embedding."""

    def __init__(self, using: Instruments, attributes: Attributes, ended: Attributes) -> None:
        self._duration = using.feed(semconv.GEN_AI_DURATION, ended)
        self._has_tokens = not using.next_names
        if self._has_tokens:
            self._first_chunk = using.feed(semconv.GEN_AI_TIME_TO_FIRST_CHUNK, attributes)
            self._gaps = using.feed(semconv.GEN_AI_TIME_PER_OUTPUT_CHUNK, attributes)
            self._input = using.feed(semconv.GEN_AI_TOKEN_USAGE, {**attributes, semconv.GEN_AI_TOKEN_TYPE: "input"})
            self._output = using.feed(semconv.GEN_AI_TOKEN_USAGE, {**attributes, semconv.GEN_AI_TOKEN_TYPE: "output"})

    def take(self, calls: "Sequence[FinishedCall]") -> None:
        if self._has_tokens:
            _take_chunks(calls, self._first_chunk, self._gaps)
            _take_tokens(calls, self._input, self._output)
        _take_durations(calls, self._duration)


class _InferenceFeeds:
    """The next names of a call that makes an answer."""

    def __init__(self, using: Instruments, attributes: Attributes, ended: Attributes) -> None:
        self._using = using
        self._attributes = attributes
        self._duration = using.feed(semconv.NEXT_INFERENCE_DURATION, ended)
        self._first_chunk = using.feed(semconv.NEXT_TIME_TO_FIRST_CHUNK, attributes)
        self._gaps = using.feed(semconv.NEXT_TIME_PER_OUTPUT_CHUNK, attributes)
        self._input = using.feed(semconv.NEXT_INPUT_TOKENS, ended)
        self._output = using.feed(semconv.NEXT_OUTPUT_TOKENS, ended)
        self._by_modality: dict[tuple[str, str], Feed] = {}

    def take(self, calls: "Sequence[FinishedCall]") -> None:
        _take_chunks(calls, self._first_chunk, self._gaps)
        _take_tokens(calls, self._input, self._output)
        for call in calls:
            if call.tokens is not None and call.has_usage:
                for spec, counts in zip(semconv.NEXT_USAGE, token_modalities.of(call.tokens), strict=True):
                    for modality, count in counts.items():
                        self._usage(spec, modality).take(count, call.ended)
        _take_durations(calls, self._duration)

    def _usage(self, spec: semconv.MetricSpec, modality: str) -> Feed:
        feed = self._by_modality.get((spec.name, modality))
        if feed is None:
            attributes = {**self._attributes, semconv.GEN_AI_TOKEN_MODALITY: modality}
            feed = self._by_modality[spec.name, modality] = self._using.feed(spec, attributes)
        return feed


class _EmbeddingFeeds:
    """The next names of an embedding."""

    def __init__(self, using: Instruments, ended: Attributes) -> None:
        self._duration = using.feed(semconv.NEXT_EMBEDDINGS_DURATION, ended)
        self._input = using.feed(semconv.NEXT_EMBEDDINGS_INPUT_TOKENS, ended)

    def take(self, calls: "Sequence[FinishedCall]") -> None:
        _take_tokens(calls, self._input)
        _take_durations(calls, self._duration)


def _take_chunks(calls: "Sequence[FinishedCall]", first: Feed, gaps: Feed) -> None:
    streamed = [(call.chunks, call.ended) for call in calls if call.chunks is not None]
    if streamed:
        first.take_each([chunks.first_s for chunks, _ in streamed], [ended for _, ended in streamed])
    for chunks, ended in streamed:
        if chunks.gaps_s:
            gaps.take_all(chunks.gaps_s, ended)


def _take_tokens(calls: "Sequence[FinishedCall]", of_input: Feed, of_output: Feed | None = None) -> None:
    used = [(call.tokens, call.ended) for call in calls if call.tokens is not None and call.has_usage]
    if used:
        ended = [one for _, one in used]
        of_input.take_each([tokens.input for tokens, _ in used], ended)
        if of_output is not None and calls[0].labels.has_output:
            of_output.take_each([tokens.output for tokens, _ in used], ended)


def _take_durations(calls: "Sequence[FinishedCall]", duration: Feed) -> None:
    if not calls[0].is_result:
        ended = [call.ended for call in calls]
        duration.take_each([one.duration_s for one in ended], ended)
