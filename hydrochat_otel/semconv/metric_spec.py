"""The description of one metric."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric as it is emitted: name, kind, UCUM unit, meaning, attributes and bucket edges.

    `across` says how the values of several processes are combined; histograms and synchronous counters always add up. A
    `fleet` value is not computed from theirs: the snapshot of all members states it.
    """

    name: str
    kind: Literal["histogram", "counter", "gauge", "observable_counter"]
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    across: Literal["sum", "max", "min", "fleet"] = "sum"
