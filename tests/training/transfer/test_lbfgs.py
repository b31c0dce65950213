"""L-BFGS finds the minima that scipy finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from foveal.training.transfer.lbfgs import minimise


def _logistic(seed, rows=40, columns=6):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    y = (torch.rand(rows, generator=generator) < 0.5).double()

    def function(point):
        logits = x @ point
        loss = (torch.nn.functional.softplus(logits) - y * logits).mean() + 0.05 * point.dot(point)
        gradient = x.T @ (logits.sigmoid() - y) / rows + 0.1 * point
        return float(loss), gradient

    return function, torch.zeros(columns, dtype=torch.float64)


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_minimum_that_scipy_finds(seed):
    function, start = _logistic(seed)
    point = minimise(function, start, relative_tolerance=1e-14, max_iterations=200)

    def numpy_function(values):
        value, gradient = function(torch.from_numpy(values))
        return value, gradient.numpy()

    reference = minimize(numpy_function, start.numpy(), jac=True, method="BFGS", tol=1e-10)
    np.testing.assert_allclose(point.numpy(), reference.x, atol=1e-5)


def test_a_valley_that_is_far_too_steep_is_followed_by_shorter_steps():
    factors = torch.logspace(0, 4, 12, dtype=torch.float64)
    target = torch.linspace(-1, 1, 12, dtype=torch.float64)

    def function(point):
        error = point - target
        return float(0.5 * (factors * error * error).sum()), factors * error

    point = minimise(function, torch.zeros_like(target), relative_tolerance=0.0, max_iterations=500)
    torch.testing.assert_close(point, target, rtol=0, atol=1e-3)


def test_it_stops_after_as_many_iterations_as_asked():
    function, start = _logistic(0)
    calls = []

    def counted(point):
        calls.append(point)
        return function(point)

    minimise(counted, start, relative_tolerance=0.0, max_iterations=3)
    assert len(calls) == 4


def test_a_minimum_stays_where_it_is():
    function, start = _logistic(1)
    point = minimise(function, start, relative_tolerance=1e-14, max_iterations=200)
    assert torch.allclose(
        minimise(function, point, relative_tolerance=1e-9, max_iterations=50), point, atol=1e-6
    )


def test_values_that_never_fall_end_the_search():
    start = torch.ones(2, dtype=torch.float64)
    point = minimise(
        lambda x: (1.0 + float((x - start).abs().sum()), torch.ones_like(x)),
        start,
        relative_tolerance=1e-6,
        max_iterations=9,
    )
    assert torch.equal(point, start)
