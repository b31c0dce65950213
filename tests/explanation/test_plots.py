"""Plots: colours, overlays, grids, and the files that are written."""

import io

import numpy as np
from PIL import Image

import foveal
from foveal.explanation.plots import GAP_PX, colour_map, map_grid, overlay, png, write_plots


def test_zero_is_white_positive_blue_and_negative_orange():
    colours = colour_map(np.array([[0.0, 2.0, -2.0]]))
    assert colours.dtype == np.uint8
    assert colours[0].tolist() == [[250, 250, 248], [17, 86, 160], [186, 84, 12]]
    assert colour_map(np.zeros((2, 2))).tolist() == [[[250, 250, 248]] * 2] * 2
    assert colour_map(np.array([[5.0]]), max_abs=2.0)[0, 0].tolist() == [17, 86, 160]


def test_an_overlay_keeps_the_image_in_grey_where_nothing_is_attributed():
    pixels = np.full((2, 2, 3), 100, np.uint8)
    plot = overlay(pixels, np.array([[0.0, 1.0], [-1.0, 0.0]]))
    assert plot[0, 0].tolist() == [150, 150, 150]
    assert plot[0, 1].tolist() == [17, 86, 160]
    assert plot[1, 0].tolist() == [186, 84, 12]


def test_a_grid_holds_every_map_up_to_the_limit():
    maps = np.random.default_rng(0).normal(size=(5, 4, 3))
    grid = map_grid(maps)
    assert grid.shape == (2 * (4 + GAP_PX) + GAP_PX, 3 * (3 + GAP_PX) + GAP_PX, 3)
    first = colour_map(maps[0], float(np.abs(maps).max()))
    assert np.array_equal(grid[GAP_PX : GAP_PX + 4, GAP_PX : GAP_PX + 3], first)
    assert map_grid(maps, limit=1).shape == (4 + 2 * GAP_PX, 3 + 2 * GAP_PX, 3)


def test_small_images_are_enlarged_by_whole_factors():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    with Image.open(io.BytesIO(png(pixels, min_side=10))) as image:
        assert image.size == (12, 9)
        assert np.array_equal(np.asarray(image)[::3, ::3], pixels[:, :, 0])


def test_every_layer_with_maps_and_every_attribution_is_written(tmp_path, model, image):
    explanation = foveal.explain(model, image)
    written = write_plots(explanation, tmp_path / "plots")
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {path.name for path in written} == names
    assert {"image.png", "cam.png", "occlusion.png", "integrated_gradients.png"} <= names
    spatial = [layer for layer in explanation.activations.layers[1:] if len(layer.shape) == 3]
    assert len(names) == 4 + len(spatial)
    assert "002-conv_1.png" in names or "003-conv_1.png" in names
    with Image.open(tmp_path / "plots" / "occlusion.png") as plot:
        assert max(plot.size) >= 224
