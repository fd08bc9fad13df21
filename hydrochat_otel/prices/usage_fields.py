"""Reads the fields of usage in one step, for every kind of reply."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

Values = tuple[Any, ...]
"""Six counts, four lists of details, the traffic type, and a service tier if such usage has one; None if not stated."""


_NAMES: Final = (
    ("prompt_token_count", "total_input_tokens"),
    ("cached_content_token_count", "total_cached_tokens"),
    ("tool_use_prompt_token_count", "total_tool_use_tokens"),
    ("candidates_token_count", "response_token_count", "total_output_tokens"),
    ("thoughts_token_count", "total_thought_tokens"),
    ("total_token_count", "total_tokens"),
    ("prompt_tokens_details", "input_tokens_by_modality"),
    ("cache_tokens_details", "cached_tokens_by_modality"),
    ("tool_use_prompt_tokens_details", "tool_use_tokens_by_modality"),
    ("candidates_tokens_details", "response_tokens_details", "output_tokens_by_modality"),
    ("traffic_type",),
    ("service_tier",),
)
"""Names of each field: of generated content, of live sessions, of interactions."""
_MOST_KINDS: Final = 64
_DETAILS: Final = 6

SERVED: Final = 10
"""From here on the values state how the reply was served: the traffic type and the service tier."""


class Reader(NamedTuple):
    """Reads the objects of one kind of usage, each in one step; the functions take the attributes of an object.

    Attributes:
        values: Reads all of them.
        counts: Reads the six counts.
        details: Reads the four lists of details.
        served: Reads how the reply was served: one value, or as many as such usage has.
    """

    values: Callable[[Mapping[str, Any]], Values]
    counts: Callable[[Mapping[str, Any]], Values]
    details: Callable[[Mapping[str, Any]], Values]
    served: Callable[[Mapping[str, Any]], Any]


READERS: Final[dict[type, Reader]] = {}
"""For each kind of usage its reader."""


def values_of(usage: Any) -> Values:
    """Return the fields of a usage object of the SDK, in the order of :data:`Values`."""
    stated = vars(usage)  # an attribute that a model of pydantic does not have costs a microsecond to look up
    kind = type(usage)
    reader = READERS.get(kind)
    if reader is None:
        reader = _reader(getattr(kind, "model_fields", {}))
        if len(READERS) < _MOST_KINDS:
            READERS[kind] = reader
    try:
        return reader.values(stated)
    except KeyError:
        return _values_of_any(stated)


def prompt_values(tokens: int) -> Values:
    """Return the fields of a reply that states input tokens only, as an embedding does: they are the total."""
    return (tokens, None, None, None, None, tokens, None, None, None, None, None)


def _reader(fields: Mapping[str, Any]) -> Reader:
    """Return the reader of a model: one look-up of several fields if each but the last has one name."""
    found = [[name for name in names if name in fields] for names in _NAMES]
    if any(len(one) != 1 for one in found[:-1]) or len(found[-1]) > 1:
        return _OF_ANY
    names = [name for one in found for name in one]
    return Reader(*(itemgetter(*some) for some in (names, names[:_DETAILS], names[_DETAILS:SERVED], names[SERVED:])))


def _values_of_any(stated: Mapping[str, Any]) -> Values:
    """Return the fields by any of their names; of several stated ones, the last."""
    return tuple(
        [next((value for name in reversed(names) if (value := stated.get(name)) is not None), None) for names in _NAMES]
    )


_OF_ANY: Final = Reader(
    _values_of_any,
    lambda stated: _values_of_any(stated)[:_DETAILS],
    lambda stated: _values_of_any(stated)[_DETAILS:SERVED],
    lambda stated: _values_of_any(stated)[SERVED:],
)
