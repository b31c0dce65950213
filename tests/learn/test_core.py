"""The numeric core of the learn page against torch: outputs, losses, gradients, steps, shapes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

pytestmark = pytest.mark.browser  # needs node

HERE = Path(__file__).parent
CLASSES, N, RATE, STEPS = 4, 6, 0.01, 3
ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def conv(channels, kernel=3, stride=1, padding="valid"):
    """padding: `same`, `valid` or [top, bottom, left, right]."""
    return {
        "kind": "conv",
        "channels": channels,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
    }


def pool(kind, size, stride):
    return {"kind": kind, "size": size, "stride": stride}


def layer(kind, **settings):
    return {"kind": kind, **settings}


NETWORKS = {
    "suggested": (
        [
            conv(16, padding="same"),
            layer("relu"),
            pool("max_pool", 2, 2),
            conv(32, padding="same"),
            layer("relu"),
            pool("max_pool", 2, 2),
            layer("flatten"),
            layer("dense", units=32),
            layer("relu"),
        ],
        (1, 8, 8),
    ),
    "strided": (
        [
            conv(3, 5, 2, [3, 3, 3, 3]),
            layer("tanh"),
            conv(5, 2),
            layer("leaky_relu"),
            pool("avg_pool", 3, 1),
            layer("flatten"),
        ],
        (2, 9, 7),
    ),
    "overlapping pools": (
        [
            conv(6, 1),
            layer("sigmoid"),
            pool("max_pool", 3, 2),
            conv(7, 3, 3, [2, 2, 2, 2]),
            pool("avg_pool", 2, 2),
            layer("flatten"),
            layer("dense", units=5),
        ],
        (3, 8, 8),
    ),
    "stride over the edge": ([conv(2, 2, 3), layer("flatten")], (1, 6, 8)),
    "same, even and strided": (
        [conv(4, 4, padding="same"), layer("relu"), conv(3, 3, 2, "same"), layer("flatten")],
        (1, 7, 8),
    ),
    "other sides": ([conv(3, 3, 2, [2, 0, 1, 3]), layer("tanh"), layer("flatten")], (2, 6, 7)),
    "batch norm": (
        [
            conv(4, padding="same"),
            layer("batch_norm"),
            layer("relu"),
            layer("flatten"),
            layer("dense", units=6),
            layer("batch_norm"),
            layer("tanh"),
        ],
        (2, 5, 6),
    ),
    "dropout": (
        [
            conv(4),
            layer("tanh"),
            layer("dropout", rate=0.25),
            layer("flatten"),
            layer("dense", units=12),
            layer("sigmoid"),
            layer("dropout", rate=0.5),
        ],
        (1, 6, 6),
    ),
    "dense": ([layer("flatten"), layer("dense", units=9), layer("tanh")], (1, 8, 8)),
}
OPTIMISERS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True),
    "adam": lambda p, lr: torch.optim.Adam(p, lr),
}


class Masked(nn.Module):
    """Dropout whose factors are those the core drew, in the core's order of values."""

    def __init__(self):
        super().__init__()
        self.factors = None

    def forward(self, x):
        if not self.training:
            return x
        if x.ndim == 2:  # image by image
            return x * self.factors.reshape(x.shape)
        n, c, h, w = x.shape  # channel by channel
        return x * self.factors.reshape(c, n, h, w).swapaxes(0, 1)


def torch_conv(spec, channels, side, bias):
    kernel, stride = spec["kernel"], spec["stride"]
    sides = spec["padding"]
    if sides == "valid":
        sides = [0, 0, 0, 0]
    elif sides == "same":
        totals = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in side]
        sides = [cells for total in totals for cells in (total // 2, total - total // 2)]
    top, bottom, left, right = sides
    convolution = nn.Conv2d(channels, spec["channels"], kernel, stride, bias=bias)
    return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), convolution)


def torch_layer(spec, shape, bias):
    kind = spec["kind"]
    if kind == "conv":
        return torch_conv(spec, shape[0], shape[1:], bias)
    if kind == "dense":
        return nn.Linear(shape[0], spec["units"], bias=bias)
    if kind == "flatten":
        return nn.Flatten()
    if kind == "max_pool":
        return nn.MaxPool2d(spec["size"], spec["stride"])
    if kind == "avg_pool":
        return nn.AvgPool2d(spec["size"], spec["stride"])
    if kind == "batch_norm":
        return nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])
    if kind == "dropout":
        return Masked()
    return ACTIVATIONS[kind]()


def torch_network(layers, shape, classes):
    modules, shapes, x = [], [], torch.zeros(1, *shape)
    specs = [*layers, layer("dense", units=classes)]
    for spec, after in zip(specs, [*specs[1:], None], strict=True):
        bias = after is None or after["kind"] != "batch_norm"
        module = torch_layer(spec, x.shape[1:], bias).eval()
        x = module(x)
        modules.append(module)
        shapes.append(list(x.shape[1:]))
    return nn.Sequential(*modules).train(), shapes


def case(name, optimiser):
    layers, shape = NETWORKS[name]
    rng = np.random.default_rng(8)
    images = rng.normal(size=(N, *shape)).astype(np.float32)
    targets = rng.integers(0, CLASSES, N)
    return {
        "layers": layers,
        "input": shape,
        "classes": CLASSES,
        "pixels": images.swapaxes(0, 1).ravel().tolist(),  # channel by channel
        "targets": targets.tolist(),
        "optimiser": optimiser,
        "rate": RATE,
        "steps": STEPS,
    }


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """What the core computes for every case, by name and optimiser: bundling it is what takes."""
    keys = [(name, optimiser) for name in NETWORKS for optimiser in OPTIMISERS]
    file = tmp_path_factory.mktemp("core") / "cases.json"
    file.write_text(json.dumps([case(*key) for key in keys]))
    done = subprocess.run(
        ["node", HERE / "core.mjs", file], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(keys, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_gradients_and_steps_are_those_of_torch(name, optimiser, computed):
    layers, shape = NETWORKS[name]
    given, found = case(name, optimiser), computed[name, optimiser]
    images = np.reshape(given["pixels"], (shape[0], N, *shape[1:])).swapaxes(0, 1)
    images, targets = torch.tensor(images, dtype=torch.float32), torch.tensor(given["targets"])
    network, shapes = torch_network(layers, shape, CLASSES)
    parameters = list(network.parameters())
    for parameter, values in zip(parameters, found["before"], strict=True):
        parameter.data = torch.tensor(values, dtype=torch.float32).reshape(parameter.shape)
    stepper = OPTIMISERS[optimiser](parameters, RATE)
    losses = []
    dropouts = [module for module in network if isinstance(module, Masked)]
    masks = iter(found["masks"])
    for step in range(STEPS):
        for module in dropouts:
            module.factors = torch.tensor(next(masks))
        logits = network(images)
        loss = nn.functional.cross_entropy(logits, targets)
        stepper.zero_grad()
        loss.backward()
        if step == 0:
            np.testing.assert_allclose(found["logits"], logits.detach().ravel(), atol=1e-5)
            for parameter, values in zip(parameters, found["gradients"], strict=True):
                np.testing.assert_allclose(values, parameter.grad.ravel(), atol=1e-5)
        losses.append(loss.item())
        stepper.step()
    np.testing.assert_allclose(found["losses"], losses, atol=1e-5)
    for parameter, values in zip(parameters, found["after"], strict=True):
        np.testing.assert_allclose(values, parameter.detach().ravel(), atol=1e-4)
    evaluated = network.eval()(images).detach().ravel()
    np.testing.assert_allclose(found["evaluated"], evaluated, atol=1e-4)
    assert [line["shape"] for line in found["shapes"]] == shapes[:-1]
    counted = [
        sum(p.numel() for p in module.parameters()) for module in list(network.children())[:-1]
    ]
    assert [line["weights"] for line in found["shapes"]] == counted
