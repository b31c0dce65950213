"""Gradients of a batch: in parts where memory runs out, and correct predictions counted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foveal.spec.layers import Conv, Flatten, Output, Relu
from foveal.spec.network import Network
from foveal.training import gradients
from foveal.training.events import StepRecord
from foveal.training.task import prepare_batch


def test_out_of_memory_splits_the_batch_in_more_parts(runs, monkeypatch):
    real = gradients.classification_loss

    def full(logits, *rest, **keys):
        if len(logits) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(logits, *rest, **keys)

    monkeypatch.setattr(gradients, "classification_loss", full)
    made = runs.start()
    seen = []
    runs.drive(made, "a", on_record=lambda r: isinstance(r, StepRecord) and seen.append(r.images))
    assert made.state.position.accumulation_steps == 4
    assert set(seen) == {40}


def test_accumulated_parts_give_the_gradient_of_the_batch(runs):
    network = Network.model_validate(
        {
            "input": {"height": 8, "width": 8, "channels": 1},
            "layers": [Conv(4), Relu(), Flatten(), Output()],
        }
    )
    found, sizes = [], []
    for parts, max_images in ((1, None), (4, None), (1, 15)):
        made = runs.start(network=network, precision="fp32")
        module = made.state.module
        module.register_forward_hook(lambda layer, inputs, output: sizes.append(len(output)))
        made.state.position.accumulation_steps = parts
        images, target = prepare_batch(made.task, np.arange(40), 0, 0.0)
        gradients.compute_gradients(
            made.state, made.task, module, images, target, max_images=max_images
        )
        found.append([p.grad.clone() for p in module.parameters()])
    assert sizes == [40, 10, 10, 10, 10, 14, 13, 13]
    for whole, *others in zip(*found, strict=True):
        for other in others:
            torch.testing.assert_close(whole, other, rtol=1e-4, atol=1e-6)


def test_an_error_that_is_not_about_memory_is_raised(runs, monkeypatch):
    def broken(*args, **keys):
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(gradients, "classification_loss", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        runs.drive(runs.start(), "a")


@pytest.mark.parametrize(
    ("labels", "logits", "target", "expected"),
    [
        ([1, 1, 0], [[2.0], [-1.0], [3.0]], [[1.0], [1.0], [0.0]], 1.0),
        ([0, 0], [[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], 1.0),
        ([[1, 1], [0, 1]], [[2.0, -1.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], 1.0),
        ([[1, 0], [0, 1]], [[2.0, 1.0], [-1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], 1.5),
    ],
    ids=["one unit", "softmax", "several labels", "several labels, one each"],
)
def test_correct_predictions_are_counted(runs, labels, logits, target, expected):
    task = runs.start().task
    task = replace(task, train=replace(task.train, labels=np.array(labels)))
    count = gradients.count_correct(task, torch.tensor(logits), torch.tensor(target))
    assert float(count) == expected
