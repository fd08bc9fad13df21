"""The context inside a call that has no span that records; its values are set when something looks at it.

The code inside most calls does not look at its context. Then no values are set, and no ids are drawn for a span that a
sampler drops: nothing has seen them when the call ends, and nothing can see them later unless it holds the context.
"""

import sys
from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Protocol

from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span, SpanContext, Tracer

from hydrochat_otel.instrumentation.attribution import SPAN_KEY, WITHIN_KEY, Within
from hydrochat_otel.runtime import failures, interruptions

Begin = Callable[[Context], "LateContext | None"]
"""Returns the context inside a call, given the context around it; None if the call may have a span that records."""

Spare = dict[int, "LateContext"]
"""A place, 0, for the context of a call that nothing was around and that drew no id, if nothing has seen it: the next
such call takes it out, in one step, and needs no other one."""


class Kind(Protocol):
    """What calls have in common.

    Attributes:
        begin: Begins one.
        spare: Where the next one may find its context.
    """

    begin: Begin
    spare: Spare

    def within(self, outside: Context) -> Within:
        """Return the operations around code inside a call that begins in the context."""


class SeenContext(Context):
    """A late context whose values are set.

    Attributes:
        around: The context around the call, until the values are set.
        parent: The context of the span around the call; None if there is none, or no valid one.
        spare: Where it may wait for the next call; None for nowhere.
        trace_id: The id of the trace, if the call is a root and that is drawn; 0 if not.
    """

    __slots__ = ("around", "parent", "spare", "trace_id")

    around: Context
    parent: SpanContext | None
    spare: "Spare | None"
    trace_id: int


class LateContext(SeenContext):
    """A context that is empty until one of its methods is called, which sets its values.

    Any thread may call them; all see the same values.

    Attributes:
        kind: What the call has in common with others.
    """

    __slots__ = ()

    kind: Kind

    def make_span(self) -> Span | None:
        """Return the span of the call; None for none."""


def kind_of_contexts(base: type[LateContext], kind: Kind, **attributes: object) -> Any:
    """Return the class of the contexts of such calls."""
    return type(base.__name__, (base,), {"__slots__": (), "kind": kind, **attributes})


class KnowingTracer(Tracer):
    """A tracer that may know without a span that its sampler drops it."""

    @abstractmethod
    def beginning(self, kind: Kind) -> Begin:
        """Return what begins calls of which the sampler is known to drop the span."""


def beginning(tracer: Tracer, kind: Kind) -> Begin:
    """Return what begins calls with the spans of this tracer."""
    try:
        if type(tracer) is NoOpTracer and _is_possible():
            return _without_span(kind)
        if isinstance(tracer, KnowingTracer) and _is_possible():
            return tracer.beginning(kind)
    except Exception as error:  # an id generator of the host's own kind
        failures.note("operation.start", error)
    return maybe_with_span


def maybe_with_span(_: Context) -> None:
    """Begin no call: each of them may have a span that records."""


def _without_span(kind: Kind) -> Begin:
    late = kind_of_contexts(LateContext, kind)

    def begin(around: Context) -> LateContext | None:
        try:
            parent = parent_in(around)
        except Exception as error:  # a span of the host's own kind
            interruptions.pass_on(error)
            return None
        inside: LateContext = late()
        inside.around, inside.parent, inside.spare = around, parent, None
        return inside

    return begin


def parent_in(around: Context) -> SpanContext | None:
    """Return the context of the span that the context holds; None if there is none, or no valid one."""
    span: Any = around.get(SPAN_KEY)
    parent: SpanContext | None = None if span is None else span.get_span_context()
    return parent if parent is not None and parent[5] else None  # a tuple, whose properties cost a function call each


def _looking(usual: Callable[..., Any]) -> Callable[..., Any]:
    def look(self: LateContext, *args: Any, **kwargs: Any) -> Any:
        """Set the values, and do what an ordinary context does."""
        failures.contained("operation.start", _set_values, self)
        return usual(self, *args, **kwargs)

    return look


def _set_values(late: Any) -> None:
    try:
        kind, around, make_span = late.kind, late.around, late.make_span
    except AttributeError:  # another thread has set all values
        return
    # Of several threads the first one sets a value.
    dict.setdefault(late, WITHIN_KEY, kind.within(around))
    if not dict.__contains__(late, SPAN_KEY) and (span := failures.contained("operation.start", make_span)):
        dict.setdefault(late, SPAN_KEY, span)
    for key, value in around.items():
        dict.setdefault(late, key, value)
    late.__class__ = SeenContext
    del late.around


_CREATING: Final = frozenset({"__class_getitem__", "__getattribute__", "__init__", "__new__", "__sizeof__", "fromkeys"})
"""The methods of a dictionary that neither read nor change its values."""

for _name in {*vars(dict), "__reduce__", "__reduce_ex__"} - _CREATING:
    if callable(_usual := getattr(Context, _name)):
        setattr(LateContext, _name, _looking(_usual))

references: Final[Callable[[object], int]] = getattr(sys, "getrefcount", lambda _: -1)
"""Returns the number of references to an object."""


def _in_one_variable() -> int:
    one = object()
    number = references(one)
    other = one
    return number if number > 0 and references(other) == number + 1 else 0


IN_ONE_VARIABLE: Final = _in_one_variable()
"""That number for an object that only one variable of the calling function references; 0 if it does not say."""


class Probe:
    """A kind of calls by which a way to begin them is looked at."""

    begin: Begin = maybe_with_span

    def __init__(self) -> None:
        self.spare: Spare = {}

    def within(self, _: Context) -> Within:
        """Return always the same."""
        return Within("inner", "outer")


@cache
def _is_possible() -> bool:
    """Return whether a late context is an ordinary one for each that looks at it, with this version of the API."""
    around, begin = Context({"key": "value"}), _without_span(Probe())
    expected = {WITHIN_KEY: Within("inner", "outer"), **around}
    try:
        looks: list[Callable[[Any], Any]] = [dict, Context, lambda one: {**one}, lambda one: one.copy()]
        seen = [look(begin(around)) == expected for look in looks]
        late = begin(around)
        return all(seen) and late is not None and late.get("key") == "value" and type(late) is SeenContext
    except Exception as error:
        interruptions.pass_on(error)
        return False
