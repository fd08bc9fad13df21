"""How one metric is described."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric as it is emitted: name, kind, UCUM unit, what it means, its attributes and its bucket edges.

    `across` says how the values of several processes become one; histograms and synchronous counters always add up.
    `fleet` is not made from theirs: whoever has the whole picture states it.
    """

    name: str
    kind: Literal["histogram", "counter", "gauge", "observable_counter"]
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    across: Literal["sum", "max", "min", "fleet"] = "sum"
