"""Top activations against sorting all of them, and the cache file."""

import os

import numpy as np
import torch

from foveal.explanation.activations import forward_with_outputs
from foveal.explanation.top_activations import (
    TOP_IMAGES_PER_FILTER,
    TopActivations,
    cache_key,
    find_top_activations,
    load_top_activations,
    save_top_activations,
    top_image_indices,
)


def test_top_activations_are_the_largest_of_each_filter(model):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (23, *model.manifest.network.input.shape), np.uint8)
    batches = [images[:9], images[9:18], images[18:]]
    top = find_top_activations(model.module, ["conv_1"], batches)["conv_1"]
    with torch.no_grad():
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        _, outputs = forward_with_outputs(model.module, pixels, {"conv_1"})
    maps = outputs["conv_1"].flatten(2)
    largest = maps.max(2).values
    order = largest.argsort(0, descending=True)[:TOP_IMAGES_PER_FILTER]
    assert np.array_equal(top.images, order.numpy())
    assert np.allclose(top.values, largest.gather(0, order).numpy(), atol=1e-6)
    cells = [int(maps[order[0, channel], channel].argmax()) for channel in range(maps.shape[1])]
    assert top.cells[0].tolist() == cells


def top(images: list[list[int]]) -> TopActivations:
    array = np.array(images)
    return TopActivations(array.astype(np.float32), array, array)


def test_every_filters_first_image_comes_before_any_second():
    layers = {"a": top([[1, 2], [3, 1]]), "b": top([[4], [2]])}
    assert top_image_indices(layers) == [1, 2, 4, 3]
    assert top_image_indices(layers, limit=2) == [1, 2]
    assert top_image_indices({}) == []


def test_a_damaged_file_is_ignored(tmp_path):
    file = tmp_path / "folder" / "top_activations.npz"
    assert load_top_activations(file, ["conv_1"]) is None
    layers = {"conv_1": top([[1, 2, 3], [4, 5, 6]])}
    save_top_activations(file, layers)
    loaded = load_top_activations(file, ["conv_1"])
    assert np.array_equal(loaded["conv_1"].values, layers["conv_1"].values)
    assert load_top_activations(file, ["conv_2"]) is None
    file.write_bytes(file.read_bytes()[:40])
    assert load_top_activations(file, ["conv_1"]) is None
    file.unlink()
    os.mkfifo(file)  # is not waited for
    assert load_top_activations(file, ["conv_1"]) is None


def test_the_cache_key_depends_on_weights_and_images_in_order():
    keys = {
        cache_key(*arguments)
        for arguments in (("w", ["a", "b"]), ("w", ["b", "a"]), ("w", ["a"]), ("v", ["a", "b"]))
    }
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
