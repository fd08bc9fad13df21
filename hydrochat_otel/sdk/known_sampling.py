"""The decisions of the SDK's own samplers that depend only on the parent and the trace's id.

These are: always on, always off, by a ratio, and by the parent. Each of them builds a result with a copy of the
attributes for every span; the decision is known without one. Any other sampler is called.
"""

from functools import cache
from typing import Any, Final

from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, StaticSampler, TraceIdRatioBased
from opentelemetry.trace import SpanContext

from hydrochat_otel.runtime import interruptions

_BY_PARENT: Final = (
    "_root",
    "_remote_parent_not_sampled",
    "_remote_parent_sampled",
    "_local_parent_not_sampled",
    "_local_parent_sampled",
)
RATIO_MASK: Final = 2**64 - 1
"""The bits of a trace's id by which a ratio decides."""
_DROP: Final = Decision.DROP
_SAMPLE: Final = Decision.RECORD_AND_SAMPLE

Answer = Decision | int | None
"""A decision; or the bound below which the lower 64 bits of a sampled trace's id are; None if the sampler must be
called."""


class KnownSampling:
    """The known decisions of a sampler.

    Attributes:
        sampler: The sampler.
        of_roots: The answer for spans without a parent.
        of_children: The answers for spans with a remote parent that is not sampled, with one that is, and with a local
            parent that is not, or is.
        may_drop: Whether some spans are known to be dropped.
    """

    __slots__ = ("may_drop", "of_children", "of_roots", "sampler")

    def __init__(self, sampler: Sampler, of_roots: Answer, of_children: tuple[Answer, ...]) -> None:
        self.sampler = sampler
        self.of_roots = of_roots
        self.of_children = of_children
        self.may_drop = any(answer is _DROP or type(answer) is int for answer in (of_roots, *of_children))

    def of_child(self, parent: SpanContext) -> Answer:
        """Return the answer for spans with this parent."""
        return self.of_children[(0 if parent.is_remote else 2) + (parent.trace_flags & 1)]


def decision_of(bound: int, trace_id: int) -> Decision:
    """Return the decision of a sampler by a ratio for a trace."""
    return _SAMPLE if trace_id & RATIO_MASK < bound else _DROP


def known(sampler: Any) -> KnownSampling:
    """Return what is known of a sampler."""
    # The SDK's own subclasses change only their construction.
    if isinstance(sampler, ParentBased) and type(sampler).should_sample is ParentBased.should_sample:
        of_roots, *of_children = [_answer(getattr(sampler, name, None)) for name in _BY_PARENT]
    else:
        of_roots, *of_children = [_answer(sampler)] * len(_BY_PARENT)
    return KnownSampling(sampler, of_roots, tuple(of_children))


def _answer(sampler: Any) -> Answer:
    if type(sampler) is StaticSampler:
        decision = getattr(sampler, "_decision", None)
        return decision if isinstance(decision, Decision) else None
    return sampler.bound if type(sampler) is TraceIdRatioBased and _is_ratio_known() else None


@cache
def _is_ratio_known() -> bool:
    """Return whether this version of the SDK samples by the lower bits of the trace's id, as it is done here."""
    try:
        sampler = TraceIdRatioBased(0.25)
        ids = [bits + high for high in (0, 2**64, 2**127) for bits in (1, sampler.bound - 1, sampler.bound, RATIO_MASK)]
        return all(sampler.should_sample(None, one, "").decision is decision_of(sampler.bound, one) for one in ids)
    except Exception as error:
        interruptions.pass_on(error)
        return False
