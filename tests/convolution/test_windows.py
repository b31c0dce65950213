"""Our step-by-step convolution against scipy, torch and a plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from foveal.convolution.kernels import named_kernel
from foveal.convolution.settings import PADDING_MODES, WindowSettings, parse_padding
from foveal.convolution.windows import convolve, output_size, pad, pool, steps
from foveal.errors import UsageError


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape)


def test_padding_1_keeps_a_4x4_input_under_a_3x3_filter_and_without_it_is_2x2():
    image, kernel = noise(4, 4), noise(3, 3)
    padded = convolve(image, kernel, WindowSettings(padding=(1, 1, 1, 1)))
    plain = convolve(image, kernel)
    assert (padded.shape, plain.shape) == ((4, 4), (2, 2))
    assert np.array_equal(padded[1:3, 1:3], plain)


def test_without_flip_it_is_correlation_and_with_flip_the_mathematical_convolution():
    image, kernel = noise(9, 7), noise(3, 5)
    assert np.allclose(convolve(image, kernel), signal.correlate2d(image, kernel, mode="valid"))
    assert np.allclose(
        convolve(image, kernel, WindowSettings(flip=True)),
        signal.convolve2d(image, kernel, "valid"),
    )


def test_a_symmetric_kernel_does_not_care_for_flip():
    image = noise(6, 6)
    kernel = named_kernel("laplacian")
    assert np.allclose(convolve(image, kernel), convolve(image, kernel, WindowSettings(flip=True)))


@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("flip", [False, True])
def test_stride_padding_dilation_as_torch(mode, flip):
    image, kernel = noise(11, 8), noise(3, 2)
    settings = WindowSettings(
        (2, 1), (1, 2, 3, 0), mode, 0.7 if mode == "constant" else 0.0, (2, 1), flip
    )
    padded = torch.nn.functional.pad(
        torch.tensor(image)[None, None],
        (3, 0, 1, 2),
        mode=mode,
        **({"value": 0.7} if mode == "constant" else {}),
    )
    turned = torch.tensor(kernel).flip(0, 1) if flip else torch.tensor(kernel)
    want = torch.nn.functional.conv2d(padded, turned[None, None], stride=(2, 1), dilation=(2, 1))
    assert np.allclose(convolve(image, kernel, settings), want[0, 0].numpy())


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(*[st.integers(0, 3)] * 4),
)
def test_size_formula_and_steps_are_what_comes_out(size, kernel, stride, padding):
    settings = WindowSettings(stride, padding)
    image, numbers = noise(*size), noise(*kernel)
    try:
        expected = output_size(size, kernel, settings)
    except UsageError:
        assert (
            size[0] + padding[0] + padding[1] < kernel[0]
            or size[1] + padding[2] + padding[3] < kernel[1]
        )
        return
    out = convolve(image, numbers, settings)
    assert out.shape == expected
    for step in steps(image, numbers, settings):
        assert step.sum == pytest.approx(out[step.row, step.column])
        assert step.products == pytest.approx(step.window * numbers)
    same = parse_padding("same", size, kernel, stride)
    assert output_size(size, kernel, WindowSettings(stride, same)) == tuple(
        -(-n // s) for n, s in zip(size, stride, strict=True)
    )


def test_pools_as_torch():
    values = noise(5, 6) * 4
    maps = torch.tensor(values)[None, None]
    assert np.allclose(
        pool(values, "max", (2, 2)), torch.nn.functional.max_pool2d(maps, 2)[0, 0].numpy()
    )
    assert np.allclose(
        pool(values, "avg", (2, 3)),
        torch.nn.functional.avg_pool2d(maps, (2, 3))[0, 0].numpy(),
    )


def test_maps_that_would_vanish_name_the_padding_that_helps():
    with pytest.raises(UsageError) as caught:
        convolve(noise(2, 2), noise(3, 3))
    assert str(caught.value) == (
        "a 3x3 filter leaves nothing of a 2x2 input with padding [0, 0, 0, 0]; "
        "use padding [1, 1, 1, 1] [top, bottom, left, right]"
    )


def test_padding_that_needs_more_cells_than_there_are():
    with pytest.raises(UsageError) as caught:
        pad(noise(2, 2), WindowSettings(padding=(2, 2, 2, 2), padding_mode="reflect"))
    assert str(caught.value) == (
        "reflect padding [2, 2, 2, 2] needs more cells than the 2x2 input has; "
        "take at most 1 and 1, or constant padding"
    )
