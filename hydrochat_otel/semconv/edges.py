"""The bucket edges of the histograms that the package emits."""

from typing import Final

OPERATION_EDGES_S: Final = (
    *(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.5, 15.0),
    *(20.0, 25.0, 30.0, 60.0, 120.0),
)
"""Fine between 2 and 30 s, where operations that call a model end; an edge at exactly 2.0, the default threshold."""

CALL_EDGES_S: Final = (
    *(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.5),
    *(15.0, 20.0, 25.0, 30.0, 45.0, 60.0, 120.0, 300.0),
)
"""Finer than the convention's, for our own histograms of calls."""

GEN_AI_EDGES_S: Final = tuple(0.01 * 2**n for n in range(14))
"""0.01 to 81.92 s, doubling, as the convention recommends."""

CHUNK_EDGES_S: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.5, 5.0, 10.0)

TOKEN_EDGES: Final = tuple(float(4**n) for n in range(14))
"""1 to 67108864 tokens, by four, as the convention recommends."""
