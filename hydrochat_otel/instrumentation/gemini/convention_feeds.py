"""The feeds of the conventions' own metrics for calls that are alike, by today's names or by the next ones.

``OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental`` chooses the next names instead of today's, never both.
"""

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

    def take(self, call: "FinishedCall") -> None:
        """Feed one finished call."""


def feeds_of(call: "FinishedCall") -> ConventionFeeds:
    """Return the feeds of a call and of all that are like it."""
    attributes: dict[str, AttributeValue] = dict(call.site.attributes)
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

    def take(self, call: "FinishedCall") -> None:
        ended = call.ended
        if self._has_tokens and call.chunks is not None:
            self._first_chunk.take(call.chunks.first_s, ended)
            if call.chunks.gaps_s:
                self._gaps.take_all(call.chunks.gaps_s, ended)
        if self._has_tokens and call.tokens is not None and call.has_usage:
            self._input.take(call.tokens.input, ended)
            if call.site.has_output:
                self._output.take(call.tokens.output, ended)
        if not call.is_result:
            self._duration.take(ended.duration_s, ended)


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

    def take(self, call: "FinishedCall") -> None:
        ended = call.ended
        if call.chunks is not None:
            self._first_chunk.take(call.chunks.first_s, ended)
            if call.chunks.gaps_s:
                self._gaps.take_all(call.chunks.gaps_s, ended)
        if call.tokens is not None and call.has_usage:
            self._input.take(call.tokens.input, ended)
            self._output.take(call.tokens.output, ended)
            for spec, counts in zip(semconv.NEXT_USAGE, token_modalities.of(call.tokens), strict=True):
                for modality, count in counts.items():
                    self._usage(spec, modality).take(count, ended)
        if not call.is_result:
            self._duration.take(ended.duration_s, ended)

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

    def take(self, call: "FinishedCall") -> None:
        ended = call.ended
        if call.tokens is not None and call.has_usage:
            self._input.take(call.tokens.input, ended)
        self._duration.take(ended.duration_s, ended)
