"""Reads the fields of usage in one step, for every kind of reply."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

Values = tuple[Any, ...]
"""Six counts, four lists of details, the traffic type and the service tier; None if not stated."""


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
_FIELDS: Final = len(_NAMES)
_MOST_KINDS: Final = 64

_readers: Final[dict[type, Callable[[Mapping[str, Any]], Values]]] = {}


def values_of(usage: Any) -> Values:
    """Return the fields of a usage object of the SDK, in the order of :data:`Values`."""
    stated = vars(usage)  # an attribute that a model of pydantic does not have costs a microsecond to look up
    try:
        values = _readers[type(usage)](stated)
    except KeyError:
        pass
    else:
        return values if len(values) == _FIELDS else (*values, None)
    kind = type(usage)
    if kind not in _readers and len(_readers) < _MOST_KINDS:
        _readers[kind] = _reader(getattr(kind, "model_fields", {}))
    return _values_of_any(stated)


def _reader(fields: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Values]:
    """Return a function that reads usage of a model: one look-up of all fields if each but the last has one name.

    It leaves the last value out if the model does not have that field.
    """
    names = [[name for name in names if name in fields] for names in _NAMES]
    if any(len(one) != 1 for one in names[:-1]) or len(names[-1]) > 1:
        return _values_of_any
    return itemgetter(*(name for one in names for name in one))


def _values_of_any(stated: Mapping[str, Any]) -> Values:
    """Return the fields by any of their names; of several stated ones, the last."""
    return tuple(
        [next((value for name in reversed(names) if (value := stated.get(name)) is not None), None) for names in _NAMES]
    )
