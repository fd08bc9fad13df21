"""Closed sets of label values: a bounded number of distinct values, each of a safe form; others share one value.

A refused value is counted and explained by :mod:`hydrochat_otel.instrumentation.refusals`.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import refusals
from hydrochat_otel.instrumentation.attribution import Dimensions, Within

_MAX_LENGTH: Final = 96
_MOST_VALUES: Final = 20
"""Values of one of the application's dimensions."""
_MOST_ATTRIBUTIONS: Final = 300
"""Five buckets of tokens for each stay below the 2000 series of a metric from which the SDK hides the rest."""

# No white space, so no prose and no full names; no run of five digits, so no NRIC, phone or record number; no date.
_IDENTIFIER: Final = re.compile(
    r"(?!.*\d{5})(?!.*\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4})[A-Za-z_][A-Za-z0-9_.:/\-]*", re.ASCII
)

# A model's id is a family followed only by words, versions, sizes and months of the vendor's own vocabulary, because a
# caller's mistake may pass anything as a model. The price book and the operator's price file add new words.
_FAMILIES: Final = (
    "gemini|gemma|imagen|veo|lyria|learnlm|embedding|text-embedding|text-multilingual-embedding|multimodalembedding|"
    "aqa|medlm|medgemma|nano-banana|deep-research"
)
_WORDS: Final = (
    "pro|flash|lite|ultra|nano|banana|mini|max|omni|exp|experimental|preview|latest|stable|thinking|deep|think|"
    "research|image|images|imagen|generation|generate|edit|fast|tts|live|audio|video|native|dialog|translate|computer|"
    "use|robotics|er|streaming|vision|embedding|multimodal|multilingual|text|code|gecko|it|pt|maas|customtools|realtime"
)
_FIGURES: Final = r"v?\d{1,2}(?:\.\d{1,2})?n?|00\d|20[2-4]\d|[ae]?\d{1,3}b"


@cache
def model_form() -> re.Pattern[str]:
    """Return the form of a model's id; compiling it takes milliseconds, which a process without calls does not pay."""
    return re.compile(rf"(?!.*-\d+-\d+-\d+(?:-|$))(?:{_FAMILIES})(?:-(?:{_WORDS}|{_FIGURES}))*", re.ASCII)


@cache
def _model_begins() -> re.Pattern[str]:
    return re.compile(rf"(?:{_FAMILIES})(?:-(?:{_WORDS}|{_FIGURES})(?=-))*(?=-)", re.ASCII)


class ClosedSet:
    """Admits label values of one form up to a number of distinct ones; any other becomes ``other`` and is counted.

    Admission of a value seen before is one dictionary look-up. Any thread may call; two threads that add the last new
    value at the same instant may exceed the limit by one.

    Args:
        label: Name of the set, the label value of ``hydrochat.label.refusals``.
        limit: The most distinct values that are admitted.
        form: Returns the pattern of a whole value.
        other: The replacement of a value outside the set.
    """

    __slots__ = ("_admitted", "_form", "_label", "_limit", "_other")

    def __init__(
        self, label: str, limit: int, form: Callable[[], re.Pattern[str]], *, other: str = semconv.OTHER
    ) -> None:
        self._label = label
        self._other = other
        self._limit = limit
        self._form = form
        self._admitted: dict[str, str] = {}

    def admit(self, value: str) -> str:
        """Return the value itself if it belongs to the set, else ``other``."""
        known = self._admitted.get(value)
        if known is not None:
            return known
        if len(self._admitted) < self._limit and len(value) <= _MAX_LENGTH and self._form().fullmatch(value):
            self._admitted[value] = value
            return value
        self._refuse(value)
        return self._other

    def _refuse(self, value: str) -> None:
        if len(value) <= _MAX_LENGTH and self._form().fullmatch(value):
            refusals.refuse(self._label, value, self._other, shown=value, limit=self._limit)
        else:
            shown = _safe_part(value) if self._form is model_form else semconv.OTHER
            refusals.refuse(self._label, value, self._other, shown=shown)


class Attributions:
    """The closed set of attributions of calls: operation, root operation, model and own dimensions.

    It bounds the series of a counter: beyond the limit a new combination keeps its model, and the rest becomes
    ``other`` and is counted.

    Args:
        names: Names of the dimensions that the application may use.
        limit: The most combinations that are admitted.
    """

    def __init__(self, names: Sequence[str] = (), limit: int = _MOST_ATTRIBUTIONS) -> None:
        self._limit = limit
        self._values = {name: ClosedSet("dimension", _MOST_VALUES, _identifier) for name in names}
        self._admitted: dict[tuple[Within, str, Dimensions], dict[str, str]] = {}
        self._others: dict[str, dict[str, str]] = {}

    def attributes(self, operations: Within, model: str, dimensions: Dimensions) -> dict[str, str]:
        """Return the attributes of calls that were made there; the caller must not change them."""
        known = self._admitted.get((operations, model, dimensions))
        if known is not None:
            return known
        given = dict(dimensions)
        values = {
            name: admitted.admit(str(given[name])) if name in given else semconv.NONE
            for name, admitted in self._values.items()
        }
        kept = tuple(values.items())
        key = (operations, model, kept)
        made = self._admitted.get(key)
        if made is None and len(self._admitted) < self._limit:
            made = self._admitted[key] = _attributes(operations, model, kept)
        if made is not None:
            return made
        refusals.refuse("attribution", "", semconv.OTHER, limit=self._limit)
        other = self._others.get(model)
        if other is None:
            kept = tuple((name, semconv.OTHER) for name in values)
            other = self._others[model] = _attributes(Within(semconv.OTHER, semconv.OTHER), model, kept)
        return other


def _attributes(operations: Within, model: str, dimensions: Dimensions) -> dict[str, str]:
    return {
        semconv.GEN_AI_REQUEST_MODEL: model,
        semconv.OPERATION: operations.operation,
        semconv.ROOT_OPERATION: operations.root,
        **{semconv.DIMENSION + name: value for name, value in dimensions},
    }


def _identifier() -> re.Pattern[str]:
    return _IDENTIFIER


@cache
def _error_type() -> re.Pattern[str]:
    return re.compile(r"(?!.*\d{5})[A-Za-z_][A-Za-z0-9_]*|[1-5]\d\d", re.ASCII)


def _safe_part(model: str) -> str:
    """Return the beginning of a model's id as far as it has a model's form, and a star; ``other`` if nothing has."""
    begins = _model_begins().match(model[:_MAX_LENGTH])
    return f"{begins[0]}-*" if begins is not None and model_form().fullmatch(begins[0]) else semconv.OTHER


def operation_names(limit: int) -> ClosedSet:
    """Return a set that admits identifier-like operation names (``chat.turn``, ``lookup_scans``), at most `limit`."""
    return ClosedSet("operation", limit, _identifier)


def model_names(limit: int = 100) -> ClosedSet:
    """Return a set that admits bare ids of the known families of models, at most `limit`."""
    return ClosedSet("model", limit, model_form)


def error_types(limit: int = 100) -> ClosedSet:
    """Return a set that admits names of exception classes and status codes, at most `limit`; others are ``_OTHER``.

    A class may be made at run time, so the rule on digits applies to its name, too.
    """
    _error_type()  # compiled now, not in the first call that fails
    return ClosedSet("error_type", limit, _error_type, other=semconv.ERROR_OTHER)


def tool_names(limit: int = 100) -> ClosedSet:
    """Return a set that admits identifier-like names of functions that a model may call, at most `limit`."""
    return ClosedSet("tool", limit, _identifier)
