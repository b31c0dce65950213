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
ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def conv(channels, kernel=3, stride=1, padding=0):
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
            conv(16, padding=1),
            layer("relu"),
            pool("max_pool", 2, 2),
            conv(32, padding=1),
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
            conv(3, 5, 2, 3),
            layer("tanh"),
            conv(5, 2, 1, 0),
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
            conv(7, 3, 3, 2),
            pool("avg_pool", 2, 2),
            layer("flatten"),
            layer("dense", units=5),
        ],
        (3, 8, 8),
    ),
    "stride over the edge": ([conv(2, 2, 3, 0), layer("flatten")], (1, 6, 8)),
    "dense": ([layer("flatten"), layer("dense", units=9), layer("tanh")], (1, 8, 8)),
}
OPTIMISERS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True),
    "adam": lambda p, lr: torch.optim.Adam(p, lr),
}


def torch_layer(spec, channels, values):
    kind = spec["kind"]
    if kind == "conv":
        return nn.Conv2d(
            channels, spec["channels"], spec["kernel"], spec["stride"], spec["padding"]
        )
    if kind == "dense":
        return nn.Linear(values, spec["units"])
    if kind == "flatten":
        return nn.Flatten()
    if kind == "max_pool":
        return nn.MaxPool2d(spec["size"], spec["stride"])
    if kind == "avg_pool":
        return nn.AvgPool2d(spec["size"], spec["stride"])
    return ACTIVATIONS[kind]()


def torch_network(layers, shape, classes):
    modules, shapes, x = [], [], torch.zeros(1, *shape)
    for spec in [*layers, layer("dense", units=classes)]:
        modules.append(torch_layer(spec, x.shape[1], x[0].numel()))
        x = modules[-1](x)
        shapes.append(list(x.shape[1:]))
    return nn.Sequential(*modules), shapes


def run_core(tmp_path, case):
    (tmp_path / "case.json").write_text(json.dumps(case))
    done = subprocess.run(
        ["node", HERE / "core.mjs", tmp_path / "case.json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_gradients_and_steps_are_those_of_torch(name, optimiser, tmp_path):
    layers, shape = NETWORKS[name]
    classes, n, rate, steps = 4, 6, 0.01, 3
    rng = np.random.default_rng(8)
    images = rng.normal(size=(n, *shape)).astype(np.float32)
    targets = rng.integers(0, classes, n)
    found = run_core(
        tmp_path,
        {
            "layers": layers,
            "input": shape,
            "classes": classes,
            "pixels": images.swapaxes(0, 1).ravel().tolist(),  # channel by channel
            "targets": targets.tolist(),
            "optimiser": optimiser,
            "rate": rate,
            "steps": steps,
        },
    )
    network, shapes = torch_network(layers, shape, classes)
    parameters = list(network.parameters())
    for parameter, values in zip(parameters, found["before"], strict=True):
        parameter.data = torch.tensor(values).reshape(parameter.shape)
    stepper = OPTIMISERS[optimiser](parameters, rate)
    losses = []
    for step in range(steps):
        logits = network(torch.from_numpy(images))
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(targets))
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
    assert [line["shape"] for line in found["shapes"]] == shapes[:-1]
    counted = [
        sum(p.numel() for p in module.parameters()) for module in list(network.children())[:-1]
    ]
    assert [line["weights"] for line in found["shapes"]] == counted
