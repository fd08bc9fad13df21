"""Promises of :mod:`hydrochat_otel.prices.usages`."""

import random
from types import SimpleNamespace

import pytest
from google.genai import types
from hypothesis import assume, example, given, strategies as st

from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.usage import tokens_of
from hydrochat_otel.prices.usage_fields import values_of
from hydrochat_otel.prices.usages import tokens_of_several

_DAY_S = 86_400


def details(modality="TEXT", count=7):
    """Return a list of details of the SDK with one item."""
    return [types.ModalityTokenCount(modality=modality, token_count=count)]


def usage(prompt=7, answer=2, total=9, **fields):
    """Return what a usage object of the SDK states."""
    counts = {"prompt_token_count": prompt, "candidates_token_count": answer, "total_token_count": total}
    return values_of(types.GenerateContentResponseUsageMetadata.model_construct(**{**counts, **fields}))


USUAL = st.builds(
    lambda prompt, cached, tool, answer, thoughts, **fields: usage(
        prompt,
        answer,
        sum(filter(None, (prompt, tool, answer, thoughts))),
        cached_content_token_count=cached,
        tool_use_prompt_token_count=tool,
        thoughts_token_count=thoughts,
        **fields,
    ),
    st.integers(3, 10**6),
    *[st.sampled_from([None, 0, 3])] * 4,
    prompt_tokens_details=st.just(details()),
)
ODD = st.sampled_from(
    [
        usage(),
        usage(prompt=None, total=2),
        usage(total=10),
        usage(total=None),
        usage(total=9.0),
        usage(prompt=True, total=3),
        usage(prompt=-1, total=1),
        usage(prompt=2**50, total=2**50 + 2),
        usage(cached_content_token_count=8),
        usage(cached_content_token_count="3"),
        usage(traffic_type=types.TrafficType.ON_DEMAND),
        usage(prompt_tokens_details=[]),
        usage(prompt_tokens_details=details("AUDIO")),
        usage(prompt_tokens_details=[*details(), *details()]),
        usage(prompt_tokens_details=details(count=None)),
        usage(prompt_tokens_details=details(count=0)),
        usage(candidates_tokens_details=[SimpleNamespace(modality="TEXT", token_count=3)]),
        usage(cache_tokens_details=details(), prompt_tokens_details=details()),
        (1, None, None, 2, None, 3, None, None, None, None, None, "flex"),
    ]
)


@example([], [usage(prompt_tokens_details=details(count=None))], random.Random(0))
@given(st.lists(USUAL, max_size=9), st.lists(ODD, max_size=2), st.randoms(use_true_random=False))
def test_several_give_the_tokens_of_each(usual, odd, chance):
    """Usual usage is evaluated together; with an odd one among it, the tokens are those of each, or none are known."""
    usages = [*usual, *odd]
    assume(usages)
    chance.shuffle(usages)
    found, expected = tokens_of_several(usages), [tokens_of(one) for one in usages]
    if odd:
        assert found in (None, expected)
    else:
        assert found == expected
        assert None not in expected


@pytest.mark.parametrize("moments_s", [[5.0, 6.0, 7.0], [_DAY_S - 1.0, 1.0 * _DAY_S, 5.0], [5.0]])
def test_rates_are_those_of_each_moment(moments_s):
    """A price may change at midnight, between two calls."""

    class Daily(PriceBook):
        def rate(self, model, unix_s, service_tier="standard"):
            return (model, unix_s // _DAY_S, service_tier)

    book = Daily()
    assert book.rates("a model", moments_s) == [book.rate("a model", one) for one in moments_s]
