"""The facts of a request as the conventions' attributes: numbers and members of closed sets. Never content.

The attributes are computed on first use: by a sampler that reads them, or by the span that keeps them. A span that is
not recorded costs one object. Requests come in few kinds, so the attributes of each kind are cached.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini import service_ids
from hydrochat_otel.runtime import failures

_MOST_KINDS: Final = 512
_MOST_SEQUENCES: Final = 16
_LONGEST_SEQUENCE: Final = 8
_LARGEST: Final = 2**63 - 1
_EMPTY: Final[Mapping[str, Any]] = {}

Attributes = dict[str, AttributeValue]
_Kind = tuple[Any, ...]


class RequestAttributes(Mapping[str, AttributeValue]):
    """The initial attributes of a call's span: its shared labels and those of its request, computed on first use.

    Args:
        labels: The attributes that all calls with the same labels share.
        operation: Operation of Gemini.
        config: The request's configuration, as the caller gave it; it is only read, and not kept.
        stream: Whether the reply is streamed.
    """

    __slots__ = ("_all", "_config", "_labels", "_operation", "_stream")

    def __init__(self, labels: Attributes, operation: str, config: object, *, stream: bool) -> None:
        self._labels = labels
        self._operation = operation
        self._config = config
        self._stream = stream
        self._all: Attributes | None = None

    def _known(self) -> Attributes:
        if self._all is None:
            try:
                self._all = self._labels | facts(self._operation, self._config, stream=self._stream)
            except BaseException as error:
                failures.note("google_genai.request", error)
                self._all = self._labels
            self._config = None
        return self._all

    def __getitem__(self, name: str) -> AttributeValue:
        return self._known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other or self._known() == other

    __hash__ = None  # type: ignore[assignment]  # as a dictionary

    def items(self) -> Any:
        """Return names and values."""
        return self._known().items()

    def copy(self) -> Attributes:
        """Return a copy as a dictionary."""
        return self._known().copy()


_kinds: Final[dict[_Kind, Attributes]] = {}
"""The attributes of each kind of request; a kind holds numbers and members of closed sets only, no text of a caller."""


def facts(operation: str, config: object, *, stream: bool) -> Attributes:
    """Return the attributes of a request; the caller must not change them.

    Args:
        operation: Operation of Gemini.
        config: A configuration of the SDK, a dictionary of the same names, or the arguments of an interaction.
        stream: Whether the reply is streamed.
    """
    said = _said(config)
    own: dict[str, AttributeValue | None] = {}
    if operation in _INTERACTIONS:
        body = _said(said.get("body")) or said
        kind = _kind_of_interaction(operation, body, stream=stream or body.get("stream") is True)
        own[semconv.GEN_AI_PREVIOUS_RESPONSE] = service_ids.stated(body.get("previous_interaction_id"))
        seed = _said(body.get("generation_config")).get("seed")
    else:
        given = _of_wire(said) if isinstance(config, dict) else said.get
        if operation == "live" and (inner := given("generation_config")) is not None:
            given = _first_of(given, _of_wire(_said(inner)))
        kind, seed = _kind_of_config(operation, given, stream=stream), given("seed")
    try:
        known = _kinds.get(kind)
    except TypeError:  # the SDK will refuse the value
        return _made(kind)
    if known is None:
        known = _made(kind)
        if len(_kinds) >= _MOST_KINDS:
            _kinds.clear()
        _kinds[kind] = known
    if seed is not None:
        own[semconv.GEN_AI_SEED] = _whole(seed)
    return known | {name: value for name, value in own.items() if value is not None} if own else known


# -- the kind of a request: the values that its attributes are made from, in one order ---------------------------------

_INTERACTIONS: Final = frozenset({"interaction", "decision"})


def _kind_of_config(operation: str, given: Callable[[str], Any], *, stream: bool) -> _Kind:
    thinking, count = given("thinking_config"), given("candidate_count")
    has_schema = given("response_schema") is not None or given("response_json_schema") is not None
    return (
        *_sampling(given),
        given("number_of_images") if count is None else count,
        given("output_dimensionality"),
        _sequences(given("stop_sequences")),
        None if thinking is None else _level(_said(thinking).get("thinking_level")),
        _output_type(operation, given("response_mime_type"), given("response_modalities"), has_schema=has_schema),
        stream,
    )


def _kind_of_interaction(operation: str, body: Mapping[str, Any], *, stream: bool) -> _Kind:
    given, form = _said(body.get("generation_config")).get, _said(body.get("response_format"))
    modalities = body.get("response_modalities") or [form.get("type")]
    has_schema = form.get("schema") is not None or form.get("type") == "object"
    mime_type = body.get("response_mime_type") or form.get("mime_type")
    return (
        *_sampling(given),
        None,
        None,
        _sequences(given("stop_sequences")),
        _level(given("thinking_level")),
        _output_type(operation, mime_type, modalities, has_schema=has_schema),
        stream,
    )


def _sampling(given: Callable[[str], Any]) -> tuple[Any, ...]:
    """Return the values that both kinds of request name alike, the first six of a kind."""
    return (
        given("temperature"),
        given("top_p"),
        given("top_k"),
        given("max_output_tokens"),
        given("frequency_penalty"),
        given("presence_penalty"),
    )


def _of_wire(said: Mapping[str, Any]) -> Callable[[str], Any]:
    """Return a look-up in a dictionary that may have the names of the wire (``topP``), as the SDK takes them, too."""

    def given(name: str) -> Any:
        if name in said:
            return said[name]
        first, *rest = name.split("_")
        return said.get(first + "".join(part.capitalize() for part in rest))

    return given


def _first_of(outer: Callable[[str], Any], inner: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a look-up in a configuration, and then in one inside of it."""

    def given(name: str) -> Any:
        return inner(name) if (value := outer(name)) is None else value

    return given


def _said(config: object) -> Mapping[str, Any]:
    if isinstance(config, dict):
        return config
    return getattr(config, "__dict__", _EMPTY)


# -- the attributes of a kind ------------------------------------------------------------------------------------------


def _made(kind: _Kind) -> Attributes:
    temperature, top_p, top_k, most, frequency, presence, count, dimensions, sequences, level, output_type, stream = (
        kind
    )
    found = {
        semconv.GEN_AI_TEMPERATURE: _number(temperature),
        semconv.GEN_AI_TOP_P: _number(top_p),
        semconv.GEN_AI_TOP_K: _whole(top_k),
        semconv.GEN_AI_MAX_TOKENS: _whole(most),
        semconv.GEN_AI_FREQUENCY_PENALTY: _number(frequency),
        semconv.GEN_AI_PRESENCE_PENALTY: _number(presence),
        semconv.GEN_AI_CHOICE_COUNT: None if count == 1 else _whole(count),
        semconv.GEN_AI_DIMENSIONS: _whole(dimensions),
        semconv.GEN_AI_OUTPUT_TYPE: output_type,
        semconv.GEN_AI_STOP_SEQUENCES: sequences,
        semconv.GEN_AI_REASONING_LEVEL: level,
        semconv.GEN_AI_STREAM: True if stream else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    if number is None or number != int(number) or abs(value) > _LARGEST:
        return None
    return int(value)


def _level(value: Any) -> str | None:
    text = getattr(value, "value", value)
    return text if isinstance(text, str) and text.lower() in semconv.REASONING_LEVELS else None


def _sequences(sequences: Any) -> tuple[str, ...] | None:
    """Return the stop sequences if each is short and without letters and digits: a word may be about a person."""
    if not isinstance(sequences, list | tuple) or not 0 < len(sequences) <= _MOST_SEQUENCES:
        return None
    found = tuple(sequences)  # what is looked at is what is kept, though the list changes meanwhile
    return found if all(map(_is_punctuation, found)) else None


def _is_punctuation(value: Any) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_SEQUENCE:
        return False
    return not any(character.isalnum() for character in value)


_IMAGES: Final = frozenset({"generate_images", "edit_image", "upscale_image", "recontext_image"})


def _output_type(operation: str, mime_type: Any, modalities: Any, *, has_schema: bool) -> str | None:
    """Return the requested output type, None if the request states none; text may come with an image or speech."""
    if modalities is None and mime_type is None and not has_schema and operation not in _IMAGES:
        return None
    asked = modalities if isinstance(modalities, list | tuple) else ()
    names = {str(getattr(one, "value", one)).lower() for one in asked}
    if operation in _IMAGES or "image" in names:
        return "image"
    if "audio" in names:
        return "speech"
    if has_schema or mime_type == "application/json":
        return "json"
    return "text" if names == {"text"} or mime_type in {"text/plain", "text/x.enum"} else None
