"""Attribution maps against plain loops, exact identities and images whose answer is known."""

import numpy as np
import pytest
import torch

from foveal.explanation.attribution import (
    MapLayer,
    _patch_spans,
    cam,
    choose_cam_layer,
    integrated_gradients,
    occlusion,
    upsample,
)
from foveal.explanation.target import Target


def test_integrated_gradients_sum_to_the_difference(model):
    """Completeness, up to the error of the midpoint rule."""
    height, width, channels = model.manifest.network.input.shape
    pixels = np.random.default_rng(3).uniform(0, 255, (1, channels, height, width))
    image = torch.from_numpy(pixels).float()
    target = Target(model.module, 1, "softmax", 1.0, torch.full((channels,), 127.0))
    values = integrated_gradients(target, image, steps=256)
    with torch.no_grad():
        ends = [
            float(target.logit(model.module(end))) for end in (image, target.baseline_image(image))
        ]
    assert values.sum() == pytest.approx(ends[0] - ends[1], rel=0.05, abs=0.02)


def test_occlusion_is_a_plain_loop(corner_target, bright_image):
    values = occlusion(corner_target, bright_image, patches_per_side=4)
    total, counts = np.zeros((16, 16)), np.zeros((16, 16))
    with torch.no_grad():
        uncovered = float(corner_target.module(bright_image)[0, 1])
        for top in range(0, 13, 2):
            for left in range(0, 13, 2):
                covered = bright_image.clone()
                covered[:, :, top : top + 4, left : left + 4] = 0
                fall = uncovered - float(corner_target.module(covered)[0, 1])
                total[top : top + 4, left : left + 4] += fall
                counts[top : top + 4, left : left + 4] += 1
    assert np.allclose(values, total / counts, atol=1e-5)


def test_patches_of_occlusion_reach_every_pixel_of_odd_sides(corner_target):
    target = Target(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(17 * 11, 2)),
        0,
        "softmax",
        1.0,
        torch.zeros(1),
    )
    values = occlusion(target, torch.ones(1, 1, 17, 11))
    assert values.shape == (17, 11)
    assert np.isfinite(values).all()


@pytest.mark.parametrize(("side", "patches", "count"), [(224, 5, 9), (28, 7, 13), (3, 5, 2)])
def test_patches_of_occlusion_are_evenly_spread(side, patches, count):
    spans = _patch_spans(side, patches)
    steps = np.diff([start for start, _ in spans])
    assert (len(spans), spans[0][0], spans[-1][1]) == (count, 0, side)
    assert steps.max() - steps.min() <= 1


def test_grad_cam_is_the_formula(corner_target, bright_image):
    module = corner_target.module
    values = cam(corner_target, bright_image, "conv", "grad_cam")
    maps = module.conv(bright_image)[0].detach().requires_grad_()
    logit = module.dense(torch.relu(maps)[None].flatten(1))[0, 1]
    (gradient,) = torch.autograd.grad(logit, maps)
    expected = (gradient.mean((1, 2), keepdim=True) * maps).sum(0).clamp(min=0)
    assert np.allclose(values, expected.detach().numpy(), atol=1e-6)


def test_the_deepest_layer_with_large_maps_is_chosen():
    layers = [MapLayer("conv_1", 16, 16), MapLayer("conv_2", 4, 4), MapLayer("conv_3", 2, 2)]
    chosen = choose_cam_layer(layers[:2], global_average=True)
    assert (chosen.layer, chosen.variant) == ("conv_2", "grad_cam")
    assert chosen.reason == (
        "conv_2 (4 x 4) is the deepest layer with feature maps of at least 4 x 4; the maps are "
        "averaged before the output, so each map has one weight"
    )
    for chosen in (
        choose_cam_layer(layers[:2], global_average=False),
        choose_cam_layer(layers, global_average=True),  # of which conv_3 is averaged
    ):
        assert (chosen.layer, chosen.variant) == ("conv_2", "hires_cam")
        assert chosen.reason == (
            "conv_2 (4 x 4) is the deepest layer with feature maps of at least 4 x 4; later layers "
            "weight each position separately, so each keeps its own gradient"
        )


def test_small_maps_are_chosen_where_there_are_no_larger_ones():
    layers = [MapLayer("a", 3, 2), MapLayer("b", 3, 2), MapLayer("c", 1, 1)]
    chosen = choose_cam_layer(layers[:2], global_average=True)
    assert chosen.reason == (
        "b (3 x 2) is the deepest layer with the largest feature maps; the maps are averaged "
        "before the output, so each map has one weight"
    )
    chosen = choose_cam_layer(layers, global_average=True)  # of which c is averaged
    assert (chosen.layer, chosen.variant) == ("b", "hires_cam")
    assert choose_cam_layer([MapLayer("a", 1, 1)], global_average=True) is None


def test_upsampling_keeps_a_constant():
    resized = upsample(np.full((2, 3), 5.0, np.float32), 8, 9)
    assert resized.dtype == np.float32
    assert np.allclose(resized, np.full((8, 9), 5.0))
