"""Spans that the sampler drops, of calls in which nothing looks at them.

If the sampler's decision depends only on the parent and the trace's id, it is known without a span. A span that is
dropped is then made when something looks at the context inside the call; most are never made.
"""

from functools import cache
from threading import get_ident
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

from hydrochat_otel.instrumentation import late_contexts
from hydrochat_otel.instrumentation.attribution import SPAN_KEY
from hydrochat_otel.instrumentation.late_contexts import Begin, Kind, LateContext, Probe, parent_in
from hydrochat_otel.runtime import interruptions, process_globals
from hydrochat_otel.sdk import fast_ways, known_ids, known_sampling, watched_tracer
from hydrochat_otel.sdk.known_ids import KnownIds

NAME: Final = "unseen spans"
_RANDOM: Final = int(getattr(TraceFlags, "RANDOM_TRACE_ID", 0))
_DROP: Final = Decision.DROP

_drawn: Final[dict[int, int]] = {}
"""By thread: the id of the trace of a root that its sampler is about to sample."""
process_globals.register("drawn trace ids", _drawn.clear)


class UnseenContext(LateContext):
    """A context inside a call whose span the sampler dropped.

    Attributes:
        ids: Makes the ids of the span.
    """

    __slots__ = ()

    ids: KnownIds

    def make_span(self) -> NonRecordingSpan:
        """Return the span that the SDK would have made."""
        parent, ids = self.parent, self.ids.generator
        if parent is None:
            trace_id, flags, state = self.trace_id or ids.generate_trace_id(), self.ids.flags, None
        else:
            trace_id, flags, state = parent.trace_id, parent.trace_flags & _RANDOM, parent.trace_state
        return NonRecordingSpan(SpanContext(trace_id, ids.generate_span_id(), False, TraceFlags(flags), state))


def drawn_trace_id() -> int:
    """Return the id of the trace of the root that this thread starts, if its sampler was asked for it; 0 if not."""
    return _drawn.pop(get_ident(), 0)


def beginning(tracer: Any, kind: Kind) -> Begin:
    """Return what begins calls of which the tracer's sampler is known to drop the span."""
    return _beginning(tracer, kind) if _is_possible() else late_contexts.maybe_with_span


def _beginning(tracer: Any, kind: Kind) -> Begin:
    if not known_sampling.known(tracer.sampler).may_drop:
        return late_contexts.maybe_with_span
    watched_tracer.watch(tracer, kind, _begin_again)  # before looking: what is set from now on is noticed
    sampling, ids = known_sampling.known(tracer.sampler), known_ids.known(tracer.id_generator)
    of_roots = sampling.of_roots
    if not ids.are_drawn or not sampling.may_drop or not tracer._is_enabled():
        return late_contexts.maybe_with_span
    remote, _, local, _ = sampling.of_children
    of_children = remote, None, local, None  # exemplars of a call that is dropped in a sampled trace have its own ids
    may_drop_roots = of_roots is _DROP or type(of_roots) is int
    spare = kind.spare if of_roots is _DROP else None  # others have an id, which is drawn for one call
    late = late_contexts.kind_of_contexts(UnseenContext, kind, ids=ids)

    def begin(around: Context) -> LateContext | None:
        if not (around or may_drop_roots):
            return None
        try:
            parent = parent_in(around) if around else None
        except Exception as error:  # a span of the host's own kind
            interruptions.pass_on(error)
            return None
        answer = of_roots if parent is None else of_children[(0 if parent[2] else 2) + (parent[3] & 1)]
        trace_id = 0
        if type(answer) is int:
            trace_id = ids.new_trace_id() if parent is None else parent[0]
            answer = known_sampling.decision_of(answer, trace_id)
            if parent is None and answer is not _DROP:
                _drawn[get_ident()] = trace_id
        if answer is not _DROP:
            return None
        inside: LateContext = late()
        inside.around, inside.parent, inside.trace_id = around, parent, trace_id
        inside.spare = None if around else spare
        return inside

    return begin


def _begin_again(tracer: Any, kind: Kind) -> None:
    """Let the next call look what is known of the tracer, of which something was set."""

    def begin(around: Context) -> LateContext | None:
        known = beginning(tracer, kind)
        if kind.begin is begin:  # else something was set meanwhile
            kind.begin = known
        return known(around)

    kind.begin = begin
    kind.spare = {}  # the contexts of calls under way go into the former one


# -- the probe ---------------------------------------------------------------------------------------------------------


def probe(reason: str | None) -> None:
    """Look whether unseen spans are possible; the reason says why there are none, if that is known."""
    if reason is None and not _is_possible():
        reason = "not possible with this version of the SDK"
    if reason is None:
        fast_ways.use(NAME)
    else:
        fast_ways.fall_back(NAME, reason)


@cache
def _is_possible() -> bool:
    """Return whether the spans are those of this version of the SDK."""
    state = TraceState([("key", "value")])
    parents = [SpanContext(3, 4, is_remote=True, trace_state=state), SpanContext(5, 6, False, TraceFlags(2))]
    around = [Context(), *(trace.set_span_in_context(NonRecordingSpan(parent), Context()) for parent in parents)]
    try:
        provider = TracerProvider(ALWAYS_OFF, Resource.get_empty(), shutdown_on_exit=False)
        tracer = provider.get_tracer("probe")
        begin = _beginning(tracer, Probe())
        return all(_same(begin(one), tracer.start_span("name", one, SpanKind.INTERNAL)) for one in around)
    except Exception as error:
        interruptions.pass_on(error)
        return False


def _same(inside: LateContext | None, theirs: trace.Span) -> bool:
    ours: Any = None if inside is None else inside.get(SPAN_KEY)
    if type(ours) is not type(theirs):
        return False
    own, other = tuple(ours.get_span_context()), tuple(theirs.get_span_context())
    is_root = inside is not None and inside.parent is None
    return own[2:] == other[2:] and (is_root or own[0] == other[0])
