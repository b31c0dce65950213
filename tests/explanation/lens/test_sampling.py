"""Which maps go on the page: all where they fit, else the same of layers that belong together."""

import numpy as np

from foveal.explanation.lens.sampling import choose_maps, packed_bytes


def total_bytes(activations, maps):
    return sum(packed_bytes(layer, maps) for layer in activations.layers)


def test_all_maps_are_chosen_where_they_fit(activations):
    maps = choose_maps(activations, 0)
    assert [len(channels) for channels in maps] == [
        min(layer.shape[0], 256) for layer in activations.layers
    ]


def test_layers_that_belong_together_show_the_same_maps(activations):
    every = choose_maps(activations, 0)
    limit = total_bytes(activations, every) // 2
    maps = choose_maps(activations, 0, limit)
    assert total_bytes(activations, maps) <= limit
    assert sum(map(len, maps)) < sum(map(len, every))
    for layer in activations.layers:
        if layer.kind in ("relu", "batch_norm", "max_pool") and len(layer.shape) == 3:
            assert maps[layer.id] == maps[layer.inputs[0]]


def test_the_maps_that_contribute_most_are_kept(activations):
    maps = choose_maps(activations, 0, total_bytes(activations, choose_maps(activations, 0)) // 2)
    layer = activations.layers[-2]
    contributions = np.abs(layer.contributions())
    kept = contributions[maps[layer.id]]
    assert kept.max() == contributions.max()


def test_whole_layers_are_omitted_where_nothing_fits(activations):
    maps = choose_maps(activations, 0, 10)
    assert sum(map(len, maps)) <= len(activations.layers[1].output)
    assert total_bytes(activations, maps) <= 10


def test_the_unit_of_the_label_is_always_shown(activations):
    unit = activations.layers[-1].shape[0] - 1
    limit = total_bytes(activations, choose_maps(activations, unit)) // 4
    assert unit in choose_maps(activations, unit, limit)[-1]
