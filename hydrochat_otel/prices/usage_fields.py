"""Reads the fields of usage in one step, for every kind of reply."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

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

Reader = Callable[[Mapping[str, Any]], Values]

SERVED: Final = 10
"""From here on the values state how the reply was served: the traffic type and the service tier."""

READERS: Final[dict[type, Reader]] = {}
"""For each kind of usage the function that reads the attributes of an object of it."""


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
        return reader(stated)
    except KeyError:
        return _values_of_any(stated)


def _reader(fields: Mapping[str, Any]) -> Reader:
    """Return a function that reads usage of a model: one look-up of all fields if each but the last has one name."""
    names = [[name for name in names if name in fields] for names in _NAMES]
    if any(len(one) != 1 for one in names[:-1]) or len(names[-1]) > 1:
        return _values_of_any
    return itemgetter(*(name for one in names for name in one))


def _values_of_any(stated: Mapping[str, Any]) -> Values:
    """Return the fields by any of their names; of several stated ones, the last."""
    return tuple(
        [next((value for name in reversed(names) if (value := stated.get(name)) is not None), None) for names in _NAMES]
    )
