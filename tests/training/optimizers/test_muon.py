"""Orthogonalised updates, and matrices divided among processes as one process computes them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveal.training.optimizers.muon import assign_matrices, orthogonalize


def test_orthogonalize_moves_singular_values_near_one():
    torch.manual_seed(1)
    matrix = torch.randn(16, 40)
    values = torch.linalg.svdvals(orthogonalize(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.4
    tall = orthogonalize(matrix.T)
    torch.testing.assert_close(tall, orthogonalize(matrix).T)


def test_orthogonalize_treats_several_matrices_as_it_treats_each():
    torch.manual_seed(1)
    for shape in [(3, 6, 20), (2, 20, 6), (1, 5, 5)]:
        matrices = torch.randn(shape)
        alone = torch.stack([orthogonalize(matrix) for matrix in matrices])
        torch.testing.assert_close(orthogonalize(matrices), alone)


@pytest.mark.parametrize(
    ("shape", "rounded"), [((128, 300), True), ((300, 130), True), ((127, 300), False)]
)
def test_large_matrices_are_multiplied_in_the_dtype_of_autocast(shape, rounded):
    torch.manual_seed(1)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -2, shape[1]))
    expected = orthogonalize(matrix)
    with torch.autocast("cpu", torch.bfloat16):
        found = orthogonalize(matrix)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected) != rounded
    assert (found - expected).norm() < 0.02 * expected.norm()


def test_orthogonalize_keeps_the_directions():
    torch.manual_seed(1)
    matrix = torch.randn(6, 6)
    left, _, right = np.linalg.svd(matrix.numpy())
    turned = left.T @ orthogonalize(matrix).numpy() @ right.T
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-4)


@given(
    costs=st.lists(st.floats(0, 1e9), max_size=20),
    processes=st.integers(1, 6),
)
def test_no_process_has_much_more_work_than_its_share(costs, processes):
    owners = assign_matrices(costs, processes)
    assert len(owners) == len(costs)
    assert set(owners) <= set(range(processes))
    work = [
        sum(cost for cost, owner in zip(costs, owners, strict=True) if owner == process)
        for process in range(processes)
    ]
    # Graham (1969): at most 4/3 of the best division, which no bound below can beat
    largest = sorted(costs, reverse=True)
    pair = sum(largest[processes - 1 : processes + 1]) if len(costs) > processes else 0.0
    bound = max(sum(costs) / processes, max(costs, default=0.0), pair)
    assert max(work) <= 4 / 3 * bound * (1 + 1e-9)


def step(processes):
    """Weights after three steps: with divided matrices, and each process by itself."""
    from copy import deepcopy

    from foveal.spec.recipe import Recipe
    from foveal.training.optimizers import muon, optim
    from foveal.training.optimizers.parameter_groups import make_parameter_groups
    from foveal.training.processes.process_group import ALONE

    sent = []
    gather = type(processes).all_gather
    type(processes).all_gather = lambda self, own: sent.append(len(own)) or gather(self, own)
    muon.MIN_COST_PER_WEIGHT = 40.0  # of the three matrices, that of 20 x 72 is large

    recipe = Recipe(
        optimizer="muon", learning_rate=0.1, momentum=0.9, weight_decay=0.01, bias_lr_scale=2.0
    )
    torch.manual_seed(0)
    shared = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, bias=False),
        torch.nn.Conv2d(8, 20, 3),
        torch.nn.Conv2d(20, 4, 1, bias=False),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 2),
    ).to(memory_format=torch.channels_last)
    alone = deepcopy(shared)
    for module, group in ((shared, processes), (alone, ALONE)):
        torch.manual_seed(1)
        groups = make_parameter_groups(module, recipe)
        state = optim.initial_state(groups)
        for number in range(3):
            for parameter in module.parameters():
                parameter.grad = torch.randn(parameter.shape)
            optim.step(groups, state, 1.0, number, group)
    pairs = zip(shared.parameters(), alone.parameters(), strict=True)
    return [sent, *(torch.equal(one, other) for one, other in pairs)]


def test_divided_matrices_are_stepped_as_by_one_process(in_processes):
    assert in_processes(step, 3) == [[[1440] * 3, *[True] * 6]] * 3
