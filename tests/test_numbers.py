"""Numbers that files from elsewhere hold."""

import math

import pytest

from foveal.numbers import is_finite


@pytest.mark.parametrize("number", [0, -1.5, 2**1023, -(10**308), 1.7e308, True])
def test_what_a_float_holds_is_finite(number):
    assert is_finite(number)
    assert math.isfinite(float(number))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, -(10**400)])
def test_what_no_float_holds_is_not(number):
    assert not is_finite(number)
