"""Tokens by modality as the next conventions count them: text, image, audio, video, or unknown.

If a reply breaks a count down, tokens of no other modality are text. If it does not, the modality is unknown.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.prices.usage import Tokens

Counts = dict[str, int]
_TEXT: Final = "text"
_UNKNOWN: Final = "unknown"


class ByModality(NamedTuple):
    """The counts of a call, in the order of :data:`semconv.NEXT_USAGE`; the last two are parts of the first two."""

    input: Counts
    output: Counts
    cached: Counts
    reasoning: Counts


def of(tokens: Tokens) -> ByModality:
    """Return the tokens of a call by modality, without zeros."""
    prompt, cache, tool, answer = tokens.broken_down
    fresh = _split(tokens.input_fresh, tokens.fresh_by_modality, is_stated=prompt)
    cached = _split(tokens.input_cached, tokens.cached_by_modality, is_stated=cache or prompt)
    used = _split(tokens.input_tool, tokens.tool_by_modality, is_stated=tool)
    reasoning = _split(tokens.output_thinking, {}, is_stated=answer)
    answered = _split(tokens.output_answer, tokens.output_by_modality, is_stated=answer)
    return ByModality(_sum(fresh, cached, used), _sum(answered, reasoning), cached, reasoning)


def span_attributes(tokens: Tokens) -> Counts:
    """Return the input and output tokens by modality as attributes of a span; unknown ones have none."""
    counts = of(tokens)
    return {
        f"{semconv.NEXT_USAGE_PREFIX}{modality}.{direction}_tokens": count
        for direction, by_modality in (("input", counts.input), ("output", counts.output))
        for modality, count in by_modality.items()
        if modality != _UNKNOWN
    }


def _split(total: int, others: Mapping[str, int], *, is_stated: bool) -> Counts:
    counts = {name.lower(): count for name, count in others.items()}
    if rest := total - sum(counts.values()):
        counts[_TEXT if is_stated else _UNKNOWN] = rest
    return counts


def _sum(*parts: Counts) -> Counts:
    total: Counts = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total
