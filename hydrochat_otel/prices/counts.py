"""Checks the numbers that a service states: an implausible count is refused here and not used anywhere."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

Modalities = Mapping[str, int]
"""Tokens by upper-case modality (``AUDIO``); text and unstated modalities are left out."""

NO_MODALITIES: Final[Modalities] = {}
MODALITIES: Final = frozenset({"AUDIO", "IMAGE", "VIDEO"})
"""Modalities that a price list may charge differently from text; any other modality counts as text."""

LARGEST_COUNT: Final = 2**40
"""The largest accepted count of one call: a trillion tokens. Millions of such calls still fit into 64 bits."""

_TEXT: Final = "TEXT"
_DETAIL: Final = itemgetter("modality", "token_count")


def is_count(value: object) -> bool:
    """Return whether a value is a whole number from 0 to :data:`LARGEST_COUNT`; booleans, texts and NaN are not."""
    return type(value) is int and 0 <= value <= LARGEST_COUNT


def text_of(value: Any) -> str:
    """Return the text of a member of one of the SDK's enumerations, or of a text."""
    # An enumeration's `value` is computed by a descriptor; the attribute behind it is plain.
    return str(getattr(value, "_value_", value) or "")


def by_modality(details: Any) -> tuple[dict[str, int], bool]:
    """Return the counts of a list of ``ModalityTokenCount``, and whether each of them is a count.

    Everything that is charged like text is ``TEXT``.
    """
    counts: dict[str, int] = {}
    are_credible = True
    for detail in details or ():
        count = getattr(detail, "token_count", None) or getattr(detail, "tokens", None)
        if not count:
            continue
        if not is_count(count):
            are_credible = False
            continue
        stated = text_of(getattr(detail, "modality", None)).upper()
        modality = stated if stated in MODALITIES else _TEXT
        counts[modality] = counts.get(modality, 0) + count
    return counts, are_credible


def exceed(counts: Modalities, most: int) -> bool:
    """Return whether the counts other than text are more than the whole, so that :func:`within` cuts them."""
    return sum(count for name, count in counts.items() if name in MODALITIES) > most


def only_text(lists: Sequence[Any]) -> tuple[bool, bool, bool, bool] | None:
    """Return which of four lists of ``ModalityTokenCount`` state something, if all of it is text; None otherwise.

    Recognises lists of one item, as replies of text have them.
    """
    stated = []
    for details in lists:
        if not details:
            stated.append(False)
            continue
        try:
            modality, count = _DETAIL(details[0].__dict__)
            if len(details) > 1 or modality._value_ != _TEXT or not is_count(count):
                return None
            stated.append(count > 0)
        except (AttributeError, KeyError, TypeError):  # of another SDK, or of an interaction
            return None
    return stated[0], stated[1], stated[2], stated[3]


def all_text(lists: Sequence[Any]) -> Sequence[bool]:
    """Return which of the same list of several replies states something, if each or none has one, of text only.

    Raises:
        ValueError, TypeError, AttributeError, KeyError: They are other lists, which :func:`only_text` may recognise.
    """
    if lists.count(None) == len(lists):
        return (False,) * len(lists)
    modalities, counts = zip(*[_DETAIL(detail.__dict__) for [detail] in lists], strict=True)
    if None in counts or modalities[0]._value_ != _TEXT or modalities.count(modalities[0]) < len(modalities):
        raise ValueError
    return [count > 0 for count in all_counts(counts)]


def all_counts(values: Sequence[Any]) -> Sequence[int]:
    """Return the values of several replies, 0 for what is not stated.

    Raises:
        ValueError: One is no count.
    """
    kinds = {*map(type, values)}
    if kinds != {int}:
        if not kinds <= {int, type(None)}:
            raise ValueError
        values = [0 if one is None else one for one in values]
    if not 0 <= min(values) <= max(values) <= LARGEST_COUNT:
        raise ValueError
    return values


def within(counts: Mapping[str, int], most: int) -> Modalities:
    """Return the positive counts other than text, cut so that they do not exceed the whole."""
    if not counts:
        return NO_MODALITIES
    kept: dict[str, int] = {}
    for name, count in counts.items():
        believed = min(count, most)
        if believed > 0 and name in MODALITIES:
            kept[name] = believed
            most -= believed
    return kept or NO_MODALITIES


def cached_share(
    prompt: Modalities, cached: Modalities, prompt_tokens: int, cached_tokens: int
) -> tuple[Modalities, bool]:
    """Return the cached tokens by modality, and whether they are an estimate.

    Modalities that the reply states are taken as stated. The rest is divided in proportion to the rest of the prompt. A
    proportional share is at least what the fresh tokens leave no room for, and it is exact if the prompt has one
    modality or is cached as a whole.

    Args:
        prompt: Tokens of the whole prompt by modality, text included if the reply states it.
        cached: Tokens of its cached part by modality, as far as the reply states them.
        prompt_tokens: All tokens of the prompt.
        cached_tokens: Its cached tokens.
    """
    shares = dict(within(cached, cached_tokens))
    stated = min(sum(cached.values()), cached_tokens)
    rest = cached_tokens - stated
    held = within(prompt, prompt_tokens)
    if not rest or not held:
        return shares or NO_MODALITIES, False
    open_tokens = prompt_tokens - stated
    left = {name: max(0, count - shares.get(name, 0)) for name, count in held.items()}
    exact = rest >= open_tokens or sum(left.values()) == 0 or max(left.values()) >= open_tokens
    for name, count in left.items():
        if share := min(count, round(rest * count / open_tokens)):
            shares[name] = shares.get(name, 0) + share
    return within(shares, cached_tokens), not exact
