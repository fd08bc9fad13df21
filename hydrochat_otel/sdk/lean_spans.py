"""A tracer that makes the SDK's spans with less work.

The SDK's constructor copies, cleans and bounds its arguments, and prepares events and links. Our attributes are clean
and few, and our spans rarely have events. Sampler, ids, limits, processors and resource are those of the SDK's tracer;
if its internals are not as expected, its own functions are used.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from threading import Lock
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.util.types import Attributes

from hydrochat_otel.instrumentation.attribution import SPAN_KEY
from hydrochat_otel.instrumentation.finished import Ended, LateAttributes
from hydrochat_otel.instrumentation.late_contexts import Begin, Kind, KnowingTracer
from hydrochat_otel.runtime import failures, interruptions
from hydrochat_otel.sdk import fast_ways, known_ids, known_sampling, unseen_spans, watched_tracer
from hydrochat_otel.sdk.known_ids import KnownIds

NAME: Final = "lean spans"
_MOST_ATTRIBUTES: Final = 64
"""More than any span of ours has; below the SDK's limit of 128."""
_CLEAN: Final = frozenset({str, int, float, bool})
_SEQUENCES: Final = frozenset({list, tuple})
_CLEAN_OR_SEQUENCE: Final = _CLEAN | _SEQUENCES
_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)
_SAMPLED: Final = int(TraceFlags.SAMPLED)
_RANDOM: Final = int(getattr(TraceFlags, "RANDOM_TRACE_ID", 0))
_FLAGS: Final = tuple(TraceFlags(flags) for flags in range(4))
_MOST_TRACE_ID: Final = 2**128 - 1
_MOST_SPAN_ID: Final = 2**64 - 1
_NO_STATE: Final = SpanContext(1, 1, is_remote=False).trace_state
_new: Final[Any] = tuple.__new__
_SAMPLE: Final = Decision.RECORD_AND_SAMPLE
_DROP: Final = Decision.DROP


class LeanSpan(sdk_trace.Span):
    """A span of the SDK whose events and links are created when the first one is added.

    A subclass for each tracer holds what its spans have in common.
    """

    _sampler = _trace_config = _instrumentation_info = _record_end_metrics = None
    _record_exception = _set_status_on_exception = False
    _limits: Any
    _instrumentation_scope: Any
    _span_processor: Any
    _context: Any

    _end_time: int | None = None
    _status = _UNSET
    _begun: BoundedAttributes | None = None
    _finish: tuple[Ended, LateAttributes] | None = None

    def __getattr__(self, name: str) -> Any:
        """Make what the SDK's constructor makes; if two threads ask at the same time, both get the same."""
        if name == "_attributes":
            return self._begun_attributes() if (finish := self._finish) is None else self._final_attributes(*finish)
        if name == "_events":
            return self.__dict__.setdefault(name, BoundedList(self._limits.max_events))
        if name == "_links":
            return self.__dict__.setdefault(name, BoundedList(self._limits.max_links))
        raise AttributeError(name)

    def get_span_context(self) -> SpanContext:
        """Return its context, without the call by which the SDK states its type."""
        own: SpanContext = self._context
        return own

    def _begun_attributes(self) -> Any:
        begun = self._begun
        return begun or self.__dict__.setdefault("_begun", _made(self._given, self._limits.max_span_attributes))

    def end_own(self, ended: Ended, attributes: LateAttributes) -> None:
        """End the span of our work; does nothing if it has ended."""
        with self._lock:
            if self._end_time is not None:
                return
            if ended.error_type is not None and self._status.status_code is not StatusCode.OK:
                self._status = _ERROR
            self._finish = (ended, attributes)
            self._end_time = ended.end_unix_ns
        processor = self._span_processor
        processor._on_ending(self)
        processor.on_end(self)

    def _final_attributes(self, ended: Ended, attributes: LateAttributes) -> Any:
        """Return the attributes of its start with those of its end."""
        begun, later = self._begun, {}
        made: Any
        if begun is None:
            made = _made(self._given, self._limits.max_span_attributes)
        else:
            made = _bounded(dict(begun), begun.maxlen, begun.dropped)
        try:
            later = ended.final(attributes())
        except BaseException as failure:
            failures.note("operation.finish", failure)
        clean = _cleaned(later)
        if clean is None or len(made) + len(clean) > _MOST_ATTRIBUTES:
            made._set_items(later)
        else:
            values = made._dict
            for name in values.keys() & clean.keys():  # a value that is set again moves to the end
                del values[name]
            values.update(clean)
        made._immutable = True
        return self.__dict__.setdefault("_attributes", made)


class LeanTracer(KnowingTracer):
    """Starts lean spans instead of the SDK's own."""

    def __init__(self, tracer: sdk_trace.Tracer) -> None:
        self._tracer: Any = tracer
        limits = self._tracer._span_limits
        self._kind = type(
            "LeanSpan",
            (LeanSpan,),
            {
                "_limits": limits,
                "_instrumentation_scope": self._tracer._instrumentation_scope,
                "_instrumentation_info": self._tracer.instrumentation_info,
                "_span_processor": tracer.span_processor,
            },
        )
        self._sampling = known_sampling.known(self._tracer.sampler)
        self._ids: KnownIds | None = None

    def start_span(  # noqa: PLR0917 - the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT002
        set_status_on_exception: bool = True,  # noqa: FBT002
    ) -> trace.Span:
        """Start a span; one with links, or without a start time, is the SDK's own."""
        tracer = self._tracer
        if links or start_time is None or context is None or not attributes or not tracer._is_enabled():
            return tracer.start_span(  # type: ignore[no-any-return]
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        ids = self._ids
        if ids is None or ids.generator is not tracer.id_generator:
            ids = self._ids = known_ids.known(tracer.id_generator)
        around: Any = context.get(SPAN_KEY)
        parent: SpanContext | None = None if around is None else around.get_span_context()
        sampler, sampling = tracer.sampler, self._sampling
        if sampling.sampler is not sampler:
            sampling = self._sampling = known_sampling.known(sampler)
        if parent is not None and parent.is_valid:
            trace_id, random, answer = parent.trace_id, parent.trace_flags & _RANDOM, sampling.of_child(parent)
        else:
            parent, random, answer = None, ids.flags, sampling.of_roots
            drawn = unseen_spans.drawn_trace_id() if type(answer) is int else 0
            trace_id = drawn or ids.new_trace_id() or ids.generator.generate_trace_id()
        decision = known_sampling.decision_of(answer, trace_id) if type(answer) is int else answer
        if decision is None:
            sampled = sampler.should_sample(context, trace_id, name, kind, attributes, ())
            decision, given, state = sampled.decision, sampled.attributes or {}, sampled.trace_state
        else:
            given, state = attributes, None if parent is None else parent.trace_state
        span_id = ids.new_span_id() or ids.generator.generate_span_id()
        flags = _FLAGS[(_SAMPLED if decision is _SAMPLE else 0) | random]
        if 0 < trace_id <= _MOST_TRACE_ID and 0 < span_id <= _MOST_SPAN_ID:  # what the constructor would check
            own = _new(SpanContext, (trace_id, span_id, False, flags, _NO_STATE if state is None else state, True))
        else:
            own = SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags, trace_state=state)
        if decision is _DROP:
            return NonRecordingSpan(own)
        span: Any = object.__new__(self._kind)  # the SDK's constructor prepares and copies what these spans do not have
        span._context = own
        span._parent = parent
        span._name = name
        span._kind = kind
        # A mapping of another kind reads what the host may change.
        span._given = given if type(given) is dict else dict(given.items())
        span._start_time = start_time
        span._resource = tracer.resource
        span._lock = Lock()
        tracer.span_processor.on_start(span, parent_context=context)
        return span  # type: ignore[no-any-return]

    def beginning(self, kind: Kind) -> Begin:
        """Return what begins calls of which the sampler is known to drop the span."""
        return unseen_spans.beginning(self._tracer, kind)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        """Start a span of the SDK's own."""
        return self._tracer.start_as_current_span(*args, **kwargs)


def _cleaned(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a copy with lists as tuples, as the SDK keeps them; None if a value needs the SDK's cleaning."""
    clean = dict(attributes.items())
    kinds = set(map(type, clean.values()))
    if kinds <= _CLEAN:
        return clean
    if not kinds <= _CLEAN_OR_SEQUENCE:
        return None
    for name, value in clean.items():
        if type(value) in _SEQUENCES:
            if not _CLEAN.issuperset(map(type, value)):
                return None
            clean[name] = tuple(value)
    return clean


def _made(given: Mapping[str, Any], most: int | None) -> BoundedAttributes:
    """Return the attributes as the SDK keeps them."""
    clean = _cleaned(given)
    if clean is None or (most is not None and len(clean) > most):
        return BoundedAttributes(most, given, immutable=False)
    return _bounded(clean, most)


def _bounded(clean: dict[str, Any], most: int | None, dropped: int = 0) -> BoundedAttributes:
    """Return attributes that are clean and within the bound, without the checks of the constructor."""
    made: Any = BoundedAttributes.__new__(BoundedAttributes)
    made._dict = clean
    made.maxlen = most
    made.dropped = dropped
    made.max_value_len = None
    made._lock = Lock()
    made._immutable = False
    return made  # type: ignore[no-any-return]


# -- the probe ---------------------------------------------------------------------------------------------------------


def lean(tracer: Tracer, *, fast: bool) -> Tracer:
    """Return the lean form of a tracer of the SDK; the tracer itself if it or its limits are not as expected."""
    reason = fast_ways.OFF if not fast else _problem_of(tracer) or _problem()
    unseen_spans.probe(reason)
    if reason is not None:
        fast_ways.fall_back(NAME, reason)
        return tracer
    fast_ways.use(NAME)
    return LeanTracer(tracer)  # type: ignore[arg-type]  # _problem_of() has looked


def _problem_of(tracer: Any) -> str | None:
    if type(tracer) not in watched_tracer.KINDS:
        return f"not possible with a tracer of the class {type(tracer).__name__}"
    limits = getattr(tracer, "_span_limits", None)
    most = getattr(limits, "max_span_attributes", 0)
    if getattr(limits, "max_span_attribute_length", 0) is not None or (most is not None and most < _MOST_ATTRIBUTES):
        return "not possible with the configured span limits"
    if not type(getattr(tracer, "_tracer_metrics", None)).__name__.startswith("NoOp"):
        return "not possible while the SDK measures itself, or with this version of it"
    return None


@cache
def _problem() -> str | None:
    """Return why this version of the SDK cannot have lean spans, or None; both paths must give the same span."""
    try:
        same = _span_of(is_lean=True) == _span_of(is_lean=False)
    except Exception as error:
        interruptions.pass_on(error)
        return f"not possible with this version of the SDK ({type(error).__name__})"
    return None if same else "not possible with this version of the SDK (other spans)"


class _Ids(RandomIdGenerator):
    def generate_span_id(self) -> int:
        return 7

    def generate_trace_id(self) -> int:
        return 11


class _Ended(sdk_trace.SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[sdk_trace.ReadableSpan] = []

    def on_end(self, span: sdk_trace.ReadableSpan) -> None:
        self.spans.append(span)


def _span_of(*, is_lean: bool) -> tuple[Any, ...]:
    ended = _Ended()
    provider = sdk_trace.TracerProvider(resource=Resource.get_empty(), id_generator=_Ids(), shutdown_on_exit=False)
    provider.add_span_processor(ended)
    made: Any = provider.get_tracer("probe")
    tracer: Tracer = LeanTracer(made) if is_lean else made
    span: Any = tracer.start_span("name", Context(), SpanKind.CLIENT, {"a": "x", "n": 1}, start_time=5)
    span.set_attribute("b", 2.5)
    span.add_event("event", {"c": True}, timestamp=6)
    Ended(0.0, 9, "error", "E").end_span(span, lambda: {"d": ["e"]})
    [one] = ended.spans
    provider.shutdown()
    bounded: Any = one._attributes
    return one.to_json(), one.context, one.kind, sorted(vars(bounded)), bounded.maxlen, one.dropped_attributes
