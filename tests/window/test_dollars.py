"""Promises of :mod:`hydrochat_otel.window.dollars`: the same amount is the same number everywhere."""

import functools
import itertools
import operator

from hypothesis import given, strategies as st

from hydrochat_otel.window import dollars

PRICES = st.sampled_from([1e-7, 3.75e-8, 1.875e-8, 0.00265, 0.035, 0.13, 1.25])
AMOUNTS = st.builds(lambda price, count: price * count, PRICES, st.integers(0, 600))


@given(st.lists(AMOUNTS, max_size=5))
def test_the_order_does_not_matter(amounts):
    """Amounts add up to the same number in every order, up to 4096 dollars."""
    rounded = [dollars.rounded(one) for one in amounts]
    sums = set()
    for order in itertools.permutations(rounded):
        total = 0.0
        for one in order:
            total = dollars.plus(total, one)
        sums.add(dollars.shown(total))
    assert len(sums) == 1


@given(AMOUNTS, AMOUNTS)
def test_a_sum_never_falls(one, other):
    """Rounding keeps the order, so that a counter of dollars never counts backwards."""
    assert (dollars.rounded(one) <= dollars.rounded(other)) or one > other
    assert dollars.plus(one, other) >= dollars.rounded(one)


def test_the_noise_of_doubles_is_gone():
    """Thirteen times a cent is thirteen cents, and so is what a state had rounded down."""
    noisy = functools.reduce(operator.add, [0.01] * 13)  # `sum` itself compensates from Python 3.12 on
    assert noisy != 0.13
    assert dollars.rounded(noisy) == 0.13
    assert dollars.shown(5000.1 + 0.2 - 0.2) == 5000.1


def test_an_amount_keeps_its_order_at_the_large_ones():
    """Where the number of decimals changes, no larger amount becomes smaller."""
    around = [4095.999999999, 4095.9999999996, 4096.0, 4096.0000000004, 4096.000000001]
    assert [dollars.shown(one) for one in around] == sorted(dollars.shown(one) for one in around)
