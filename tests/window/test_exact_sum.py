"""Promises of :mod:`hydrochat_otel.window.exact_sum`."""

import math
import random

import pytest

from hydrochat_otel.window.exact_sum import as_float, exact


@pytest.mark.parametrize("seed", range(20))
def test_a_sum_is_what_fsum_returns(seed):
    """Numbers of all magnitudes add up to the double that `fsum` returns, also after some were taken away again."""
    chance = random.Random(seed)
    numbers = [math.ldexp(chance.uniform(-1, 1), chance.randint(-1074, 900)) for _ in range(200)]
    assert as_float(exact(numbers)) == math.fsum(numbers)
    assert as_float(exact(numbers) - exact(numbers[:77])) == math.fsum(numbers[77:])
    assert exact(numbers) == sum(exact([one]) for one in numbers)


@pytest.mark.parametrize(("numbers", "expected"), [([], 0.0), ([1e308] * 2, math.inf), ([-1e308] * 2, -math.inf)])
def test_a_sum_beyond_all_doubles_is_infinite(numbers, expected):
    """What no double can hold is infinite instead of an error; nothing adds up to zero."""
    assert as_float(exact(numbers)) == expected
    assert as_float(exact(numbers) + exact([-one for one in numbers])) == 0.0
