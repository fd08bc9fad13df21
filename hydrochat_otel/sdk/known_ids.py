"""New ids of spans: those of the SDK's own generator are drawn without its functions, any other one is called.

https://opentelemetry.io/docs/specs/otel/trace/sdk/#id-generators
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import TraceFlags

_TRACE_BITS: Final = 128
_SPAN_BITS: Final = 64
_RANDOM: Final = int(getattr(TraceFlags, "RANDOM_TRACE_ID", 0))
_OWN: Final = RandomIdGenerator.generate_trace_id, RandomIdGenerator.generate_span_id


class KnownIds(NamedTuple):
    """How new ids are made.

    Attributes:
        generator: The SDK's generator.
        new_trace_id: Returns an id; 0, once in more traces than there will be, must be asked of the generator again.
        new_span_id: Does the same for a span.
        flags: The trace flags that say whether ids of traces are random.
        are_drawn: Whether the generator is the SDK's own, of which nothing notices when it is called.
    """

    generator: IdGenerator
    new_trace_id: Callable[[], int]
    new_span_id: Callable[[], int]
    flags: int
    are_drawn: bool


def known(generator: Any) -> KnownIds:
    """Return how a generator makes ids."""
    flags = _RANDOM if generator.is_trace_id_random() else 0
    kind = type(generator)
    if kind is RandomIdGenerator and (kind.generate_trace_id, kind.generate_span_id) == _OWN:
        draw = random.getrandbits
        return KnownIds(generator, partial(draw, _TRACE_BITS), partial(draw, _SPAN_BITS), flags, True)
    return KnownIds(generator, generator.generate_trace_id, generator.generate_span_id, flags, False)
