"""The decisions of the SDK's own samplers that depend only on the parent: always on, always off, by the parent.

Each of them builds a result with a copy of the attributes for every span; the decision is known without one. Any other
sampler is called.
"""

from typing import Any, Final

from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, StaticSampler
from opentelemetry.trace import SpanContext

_BY_PARENT: Final = (
    "_root",
    "_remote_parent_not_sampled",
    "_remote_parent_sampled",
    "_local_parent_not_sampled",
    "_local_parent_sampled",
)


class KnownSampling:
    """The known decisions of the sampler that decided last.

    Attributes:
        sampler: That sampler.
        of_roots: Its decision for spans without a parent; None if it must be called.
    """

    __slots__ = ("_decisions", "of_roots", "sampler")

    def __init__(self) -> None:
        self.sampler: Sampler | None = None
        self.of_roots: Decision | None = None
        self._decisions: tuple[Decision | None, ...] = (None,) * len(_BY_PARENT)

    def decision(self, sampler: Sampler, parent: SpanContext | None) -> Decision | None:
        """Return the decision for a span with this parent; None if the sampler must be called."""
        if sampler is not self.sampler:
            self._decisions = _decisions_of(sampler)
            self.of_roots = self._decisions[0]
            self.sampler = sampler
        if parent is None:
            return self.of_roots
        return self._decisions[(1 if parent.is_remote else 3) + (parent.trace_flags & 1)]


def _decisions_of(sampler: Any) -> tuple[Decision | None, ...]:
    """Return the decisions without a parent, and with a remote or local one that is not sampled, or is."""
    if type(sampler) is StaticSampler:
        return (_static(sampler),) * len(_BY_PARENT)
    # The SDK's own subclasses change only their construction.
    if isinstance(sampler, ParentBased) and type(sampler).should_sample is ParentBased.should_sample:
        return tuple(_static(getattr(sampler, name, None)) for name in _BY_PARENT)
    return (None,) * len(_BY_PARENT)


def _static(sampler: Any) -> Decision | None:
    if type(sampler) is not StaticSampler:
        return None
    decision = getattr(sampler, "_decision", None)
    return decision if isinstance(decision, Decision) else None
