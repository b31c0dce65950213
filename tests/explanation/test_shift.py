"""Changes under shifts against plain numpy and images that do not change."""

import numpy as np
import pytest
import torch

from foveal.explanation.activations import forward_with_outputs, record_activations
from foveal.explanation.shift import measure_shifts
from foveal.network.shift import relative_change


def test_a_shift_is_measured_on_every_layer(model, image, activations):
    shifts = measure_shifts(model.module, activations)
    assert [shift.pixels for shift in shifts] == [1, 2, 3]
    moved = np.concatenate([np.repeat(image[:, :1], 2, axis=1), image[:, :-2]], axis=1)
    distance = np.linalg.norm(moved.astype(float) - image, axis=(0, 1))
    norms = [np.linalg.norm(pixels.astype(float), axis=(0, 1)) for pixels in (image, moved)]
    expected = 100 * distance / ((norms[0] + norms[1]) / 2)
    assert np.allclose(shifts[1].map_changes[0], expected)
    with torch.no_grad():
        logits = model.module(torch.from_numpy(moved).permute(2, 0, 1)[None])[0]
    assert torch.allclose(shifts[1].logits, logits, atol=1e-5)
    for layer in activations.layers:
        assert shifts[0].map_changes[layer.id].shape == (layer.shape[0],)
        assert 0 <= shifts[0].layer_changes[layer.id] <= 200


@torch.no_grad()
def test_changes_of_a_layer_are_those_of_its_values(model, activations):
    shift = measure_shifts(model.module, activations)[2]
    image = activations.layers[0].output
    moved = torch.cat([image[:, :, :1].expand(-1, -1, 3), image[:, :, :-3]], 2)
    names = {layer.name for layer in activations.layers[1:]}
    _, outputs = forward_with_outputs(model.module, moved[None], names)
    for layer in activations.layers[1:]:
        before, after = layer.output.double(), outputs[layer.name][0].double()
        whole = relative_change(before[None], after[None])
        maps = relative_change(before.view(len(before), -1), after.view(len(after), -1))
        assert shift.layer_changes[layer.id] == pytest.approx(100 * float(whole), abs=1e-3)
        assert shift.map_changes[layer.id] == pytest.approx(100 * maps.numpy(), abs=1e-3)


def test_a_uniform_image_does_not_change(model, image):
    pixels = torch.full((1, image.shape[2], *image.shape[:2]), 90.0)
    activations = record_activations(model, pixels, 0)
    shifts = measure_shifts(model.module, activations)
    assert all(shift.layer_changes[-1] < 1e-3 for shift in shifts)
