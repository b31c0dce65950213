"""Each optimiser against torch's own or a plain loop, and its state through copies."""

import pytest
import torch

from foveal.training.optimizers import optim
from foveal.training.optimizers.parameter_groups import ParameterGroup, make_parameter_groups


def _gradients(module, step):
    torch.manual_seed(step)
    for parameter in module.parameters():
        parameter.grad = torch.randn_like(parameter)


def _torch_groups(made, **keys):
    return [
        {
            "params": list(group.parameters),
            "lr": group.learning_rate,
            "weight_decay": group.weight_decay,
            **keys,
        }
        for group in made
    ]


@pytest.mark.parametrize("method", ["sgd", "adamw"])
def test_same_as_torch(method, make_module, make_recipe):
    mine, theirs = make_module(), make_module()
    made = make_parameter_groups(mine, make_recipe(optimizer=method, momentum=0.9))
    state = optim.initial_state(made)
    for group in make_parameter_groups(theirs, make_recipe(optimizer=method, momentum=0.9)):
        assert group.optimizer == method
    parts = _torch_groups(
        make_parameter_groups(theirs, make_recipe(optimizer=method, momentum=0.9))
    )
    if method == "sgd":
        reference = torch.optim.SGD(parts, lr=1, momentum=0.9, nesterov=True)
    else:
        reference = torch.optim.AdamW(
            parts, lr=1, betas=(0.9, optim.ADAMW_BETA2), eps=optim.EPSILON
        )
    for step in range(5):
        _gradients(mine, step)
        _gradients(theirs, step)
        optim.step(made, state, 1.0, step)
        reference.step()
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.cuda
def test_muon_moves_filters_of_one_shape_together_as_it_moves_each():
    shapes = [(8, 4, 3, 3), (8, 4, 3, 3), (8, 8, 3, 3), (8, 4, 3, 3)]
    moved = {}
    for device in ("cpu", "cuda"):
        torch.manual_seed(2)
        filters = [torch.randn(shape).to(device).requires_grad_() for shape in shapes]
        for weights in filters:
            weights.grad = torch.randn(weights.shape).to(device)
        names = tuple(f"filter{number}" for number in range(len(shapes)))
        group = ParameterGroup("muon", names, tuple(filters), 0.1, 0.85, 0.0, True)
        state = optim.initial_state((group,))
        for step in range(3):
            optim.step((group,), state, 1.0, step)
        moved[device] = [weights.detach().cpu() for weights in filters]
    for one, other in zip(*moved.values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_muon_keeps_the_norm_where_a_norm_follows(make_module, make_recipe):
    module = make_module()
    made = make_parameter_groups(module, make_recipe(optimizer="muon"))
    state = optim.initial_state(made)
    before = module[0].weight.norm().item()
    for step in range(3):
        _gradients(module, step)
        optim.step(made, state, 1.0, step)
    assert module[0].weight.norm().item() == pytest.approx(before, rel=1e-5)


def test_a_muon_step_is_linear_in_the_learning_rate(make_module, make_recipe):
    module = make_module()
    made = make_parameter_groups(module, make_recipe(optimizer="muon", weight_decay=0.0))
    weight = module[3].weight
    before, norm = weight.detach().clone(), weight.norm().item()
    _gradients(module, 0)
    optim.step(made, optim.initial_state(made), 0.5, 0)
    assert (weight - before).norm().item() == pytest.approx(0.05 * norm, rel=1e-4)


def test_clip_grad_norm(make_module, make_recipe):
    module = make_module()
    made = make_parameter_groups(module, make_recipe(optimizer="sgd"))
    _gradients(module, 0)
    optim.clip_grad_norm(made, 1.0)
    total = sum(float(p.grad.square().sum()) for p in module.parameters()) ** 0.5
    assert total == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("method", ["sgd", "adamw", "muon"])
def test_parameters_without_gradient_stay(method, make_module, make_recipe):
    module = make_module()
    made = make_parameter_groups(module, make_recipe(optimizer=method))
    before = [p.detach().clone() for p in module.parameters()]
    optim.step(made, optim.initial_state(made), 1.0, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
