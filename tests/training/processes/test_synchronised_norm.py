"""Synchronised batch norm against torch's own on the whole batch, in real processes."""

import pytest
import torch
from torch import nn

from foveal.training.processes.process_group import ALONE
from foveal.training.processes.synchronised_norm import synchronise_norms


def compare(processes):
    """The largest differences from a batch norm of the whole batch, of everything it computes."""
    from copy import deepcopy

    from torch import nn

    from foveal.training.processes.synchronised_norm import synchronise_norms

    found = {}
    for name, shape in {"maps": (7, 5, 6, 4), "vectors": (5, 3), "few": (2, 4, 1, 1)}.items():
        torch.manual_seed(0)
        kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
        whole = nn.Sequential(kind(shape[1], eps=1e-3, momentum=0.3))
        nn.init.uniform_(whole[0].weight)
        nn.init.uniform_(whole[0].bias)
        parted = deepcopy(whole)
        synchronise_norms(parted, processes)
        start, stop = processes.bounds(shape[0])
        worst = {}
        for _ in range(3):
            x = 2 * torch.randn(shape) + 40 * torch.rand(shape[1]).view(
                1, -1, *[1] * (len(shape) - 2)
            )
            gradient = torch.randn(shape)
            if len(shape) == 4:
                x = x.contiguous(memory_format=torch.channels_last)
            one, other = x.clone().requires_grad_(), x[start:stop].clone().requires_grad_()
            expected, y = whole(one), parted(other)
            whole.zero_grad()
            parted.zero_grad()
            expected.backward(gradient)
            y.backward(gradient[start:stop])
            processes.sum_gradients(list(parted.parameters()))
            pairs = {
                "output": (y, expected[start:stop]),
                "x": (other.grad, one.grad[start:stop]),
                "weight": (parted[0].weight.grad, whole[0].weight.grad),
                "bias": (parted[0].bias.grad, whole[0].bias.grad),
                "mean": (parted[0].running_mean, whole[0].running_mean),
                "variance": (parted[0].running_var, whole[0].running_var),
                "count": (parted[0].num_batches_tracked, whole[0].num_batches_tracked),
            }
            for key, (a, b) in pairs.items():
                scale = max(1.0, float(b.abs().max()))
                worst[key] = max(worst.get(key, 0.0), float((a - b).abs().max()) / scale)
        found[name] = worst
    return found


def test_equal_to_the_norm_of_the_whole_batch(in_processes):
    for found in in_processes(compare):
        for name, worst in found.items():
            assert worst.pop("count") == 0
            assert max(worst.values()) < 1e-4, (name, worst)  # the mean is 20 deviations from 0


def bf16(processes):
    from torch import nn

    from foveal.training.processes.synchronised_norm import synchronise_norms

    torch.manual_seed(0)
    x = torch.randn(6, 4, 5, 5) + 3
    whole = nn.Sequential(nn.BatchNorm2d(4))
    parted = nn.Sequential(nn.BatchNorm2d(4))
    synchronise_norms(parted, processes)
    start, stop = processes.bounds(6)
    with torch.autocast("cpu", torch.bfloat16):
        y, expected = parted(x[start:stop].bfloat16()), whole(x.bfloat16())
    y.float().sum().backward()
    return [
        str(y.dtype),
        str(parted[0].weight.grad.dtype),
        float((y - expected[start:stop]).abs().max()),
        float((parted[0].running_mean - whole[0].running_mean).abs().max()),
    ]


def test_16_bits_are_normalised_with_statistics_in_32(in_processes):
    for kind, gradient, output, mean in in_processes(bf16):
        assert (kind, gradient) == ("torch.bfloat16", "torch.float32")
        assert output < 0.05
        assert mean < 1e-3


def compiled(processes):
    """The largest difference of outputs, gradients and statistics where the module is compiled."""
    from copy import deepcopy

    from torch import nn

    from foveal.spec.recipe import Recipe
    from foveal.training.gradients import compile_module
    from foveal.training.processes.synchronised_norm import synchronise_norms

    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    plain = nn.Sequential(*layers)
    synchronise_norms(plain, processes)
    copy = deepcopy(plain)
    own = torch.randn(6, 1, 6, 6)[processes.rank :: 2]
    found = []
    for module, call in ((plain, plain), (copy, compile_module(copy, Recipe(compile="on")))):
        outputs = [call(own) for _ in range(2)]
        sum(output.square().sum() for output in outputs).backward()
        gradients = [parameter.grad for parameter in module.parameters()]
        found.append([*(output.detach() for output in outputs), *gradients, *module.buffers()])
    return max(float((one - other).abs().max()) for one, other in zip(*found, strict=True))


@pytest.mark.compiler
def test_compiled_it_computes_the_same(in_processes):
    assert max(in_processes(compiled)) < 1e-4


@pytest.fixture
def module():
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), inner)
    module[1].weight.requires_grad_(False)
    return module


def test_the_tensors_are_those_of_the_module(module):
    before = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    names = list(module.state_dict())
    synchronise_norms(module, ALONE)
    after = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    assert list(module.state_dict()) == names
    assert all(after[name] is value for name, value in before.items())
    assert not module[1].weight.requires_grad
    assert [type(module[1]).__name__, type(module[3][1]).__name__] == [
        "SynchronisedBatchNorm2d",
        "SynchronisedBatchNorm1d",
    ]


def test_in_evaluation_it_is_an_ordinary_norm(module):
    norm = module[1].eval()
    norm.running_mean.uniform_()
    norm.running_var.uniform_(0.5, 2)
    x = torch.randn(4, 3, 5, 5)
    expected = norm(x)
    synchronise_norms(module, ALONE)
    assert torch.equal(module[1].eval()(x), expected)
