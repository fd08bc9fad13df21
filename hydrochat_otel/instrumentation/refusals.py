"""What the closed sets of labels refused: counted by set and by name, and logged in one sentence per name.

A refused name may be about a person, so it is shown only as far as its form is safe: a name that only came too late, or
the part of a model's id that consists of the vendor's own words. Of any other name, only a hash is kept, in this
process, so that its sentence is logged once. Sentences are written where finished work is fed, not where a name is
refused: that may be the host's path or a finaliser.
"""

import logging
from collections import Counter, deque
from typing import Final, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.runtime import process_globals, safe_log

logger: Final = logging.getLogger("hydrochat_otel")

_MOST_NAMES: Final = 20
"""Names of one set that are shown; further ones are counted together."""
_MOST_SENTENCES: Final = 100

_FORM: Final = (
    "begins with a letter or _, has letters, digits and _ . : / - only, and at most 96 characters, "
    "no date and no five digits in a row"
)


class Rule(NamedTuple):
    """What a sentence says about one set."""

    noun: str
    form: str
    cure: str
    cure_of_limit: str = "Use fewer different ones: a name must not contain an id or what a user typed."


_RULES: Final = {
    "operation": Rule(
        "The name of an operation",
        f"it {_FORM}",
        "Give the operation a constant name of this form.",
        "Use constant names, or raise HYDROCHAT_MAX_OPERATIONS.",
    ),
    "model": Rule(
        "The id of a model",
        "a known family, followed by known words, versions and sizes",
        "If it is a model, name it in HYDROCHAT_PRICES_FILE: then it is kept.",
    ),
    "tool": Rule("The name of a tool", f"it {_FORM}", "Give the function a name of this form."),
    "dimension": Rule("The value of a cost dimension", f"it {_FORM}", "Use a few constant values of this form."),
    "error_type": Rule(
        "The type of an error", "the name of a class or a status, without five digits in a row", "Rename the class."
    ),
    "server": Rule("The address of a server", "a host's name", "Use the host's name in the client's base URL."),
    "attribution": Rule(
        "A combination of operation, root operation, model and dimensions", "", "", "Use fewer values of dimensions."
    ),
}

_counts: Final[Counter[tuple[str, str]]] = Counter()
_named: Final[Counter[str]] = Counter()
_seen: Final[set[int]] = set()
_unsaid: Final[deque[str]] = deque(maxlen=_MOST_SENTENCES)


def refuse(label: str, value: str, other: str, *, shown: str = semconv.OTHER, limit: int | None = None) -> None:
    """Count one refusal; takes no lock and logs nothing. Any thread may call.

    Args:
        label: Name of the set.
        value: What was refused; it is not kept.
        other: Under which value it is counted instead.
        shown: As much of the value as is safe; ``other`` if nothing is.
        limit: The number of values that are in use, if that is the reason; else the value breaks the rule on form.
    """
    key = (label, shown)
    if key not in _counts and shown != semconv.OTHER:
        if _named[label] < _MOST_NAMES:
            _named[label] += 1
        else:
            key = (label, semconv.OTHER)
    _counts[key] += 1
    mark = hash((label, value))
    if mark not in _seen and len(_seen) < _MOST_SENTENCES:
        _seen.add(mark)
        _unsaid.append(_sentence(label, shown, other, limit))


def _sentence(label: str, shown: str, other: str, limit: int | None) -> str:
    rule = _RULES.get(label) or Rule(f"A value of {label}", "another form", "Use a constant value.")
    name = "" if shown == semconv.OTHER else f" '{shown}'"
    if limit is not None:
        return (
            f"{rule.noun}{name} is counted as '{other}', because {limit} are in use already, which is the most. "
            f"{rule.cure_of_limit}"
        )
    hidden = "" if name else ", and is not shown here, because it may be about a person"
    return f"{rule.noun}{name} is counted as '{other}'{hidden}. The rule: {rule.form}. {rule.cure}"


def say() -> None:
    """Log the sentences that wait; never raises. Called after finished work was fed."""
    while _unsaid:
        try:
            sentence = _unsaid.popleft()
        except IndexError:  # another thread took the last one
            return
        safe_log.warning(logger, "%s Refused values are counted in %s.", sentence, semconv.LABEL_REFUSALS.name)


def by_label() -> dict[str, int]:
    """Return how many values were refused since the process started, by the name of the set."""
    sums: Counter[str] = Counter()
    for (label, _), count in list(_counts.items()):
        sums[label] += count
    return dict(sums)


def by_name() -> dict[tuple[str, str], int]:
    """Return the same by set and by as much of the name as is safe, else ``other``."""
    return dict(_counts)


def forget() -> None:
    """Start at zero, as a forked child does: the counts belong to the parent."""
    _counts.clear()
    _named.clear()
    _seen.clear()
    _unsaid.clear()


process_globals.register("labels", forget)
