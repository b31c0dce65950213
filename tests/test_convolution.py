"""Our step-by-step convolution against scipy, torch and a plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from foveal import convolution as c
from foveal.convolution import WindowSettings
from foveal.errors import UsageError


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape)


def test_padding_1_keeps_a_4x4_input_under_a_3x3_filter_and_without_it_is_2x2():
    image, kernel = noise(4, 4), noise(3, 3)
    padded = c.convolve(image, kernel, WindowSettings(padding=(1, 1, 1, 1)))
    plain = c.convolve(image, kernel)
    assert (padded.shape, plain.shape) == ((4, 4), (2, 2))
    assert np.array_equal(padded[1:3, 1:3], plain)


def test_without_flip_it_is_correlation_and_with_flip_the_mathematical_convolution():
    image, kernel = noise(9, 7), noise(3, 5)
    assert np.allclose(c.convolve(image, kernel), signal.correlate2d(image, kernel, mode="valid"))
    assert np.allclose(
        c.convolve(image, kernel, WindowSettings(flip=True)),
        signal.convolve2d(image, kernel, "valid"),
    )


def test_a_symmetric_kernel_does_not_care_for_flip():
    image = noise(6, 6)
    kernel = c.named_kernel("laplacian")
    assert np.allclose(
        c.convolve(image, kernel), c.convolve(image, kernel, WindowSettings(flip=True))
    )


@pytest.mark.parametrize("mode", c.PADDING_MODES)
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
    assert np.allclose(c.convolve(image, kernel, settings), want[0, 0].numpy())


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
        expected = c.output_size(size, kernel, settings)
    except UsageError:
        assert (
            size[0] + padding[0] + padding[1] < kernel[0]
            or size[1] + padding[2] + padding[3] < kernel[1]
        )
        return
    out = c.convolve(image, numbers, settings)
    assert out.shape == expected
    for step in c.steps(image, numbers, settings):
        assert step.sum == pytest.approx(out[step.row, step.column])
        assert step.products == pytest.approx(step.window * numbers)
    same = c.parse_padding("same", size, kernel, stride)
    assert c.output_size(size, kernel, WindowSettings(stride, same)) == tuple(
        -(-n // s) for n, s in zip(size, stride, strict=True)
    )


def test_named_kernels_against_scipy():
    image = noise(16, 16)
    inner = (slice(1, -1),) * 2
    assert np.allclose(c.convolve(image, c.named_kernel("identity")), image[inner])
    assert np.allclose(
        c.convolve(image, c.named_kernel("blur")), ndimage.uniform_filter(image, 3)[inner]
    )
    assert np.allclose(c.convolve(image, c.named_kernel("sobel-x")), ndimage.sobel(image, 1)[inner])
    assert np.allclose(c.convolve(image, c.named_kernel("sobel-y")), ndimage.sobel(image, 0)[inner])
    assert np.allclose(
        c.convolve(image, c.named_kernel("laplacian")), ndimage.laplace(image)[inner]
    )
    assert np.allclose(c.named_kernel("sharpen"), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("name", c.KERNELS)
def test_kernels_of_every_size_sum_to_what_they_should(name, size):
    kernel = c.named_kernel(name, size)
    assert kernel.shape == (size, size)
    keeps = name in ("identity", "blur", "sharpen") or size == 1
    assert kernel.sum() == pytest.approx(1.0 if keeps else 0.0, abs=1e-12)


def test_activations_and_pools_as_torch():
    values = noise(5, 6) * 4
    as_torch = torch.tensor(values)
    known = {
        "relu": torch.relu,
        "relu6": torch.nn.functional.relu6,
        "leaky_relu": torch.nn.functional.leaky_relu,
        "elu": torch.nn.functional.elu,
        "gelu": torch.nn.functional.gelu,
        "silu": torch.nn.functional.silu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "hard_sigmoid": torch.nn.functional.hardsigmoid,
        "hard_swish": torch.nn.functional.hardswish,
    }
    assert set(known) | {"none"} == set(c.ACTIVATIONS)
    for name, function in known.items():
        assert np.allclose(c.activate(values, name), function(as_torch).numpy()), name
    maps = as_torch[None, None]
    assert np.allclose(
        c.pool(values, "max", (2, 2)), torch.nn.functional.max_pool2d(maps, 2)[0, 0].numpy()
    )
    assert np.allclose(
        c.pool(values, "avg", (2, 3)), torch.nn.functional.avg_pool2d(maps, (2, 3))[0, 0].numpy()
    )


def test_maps_that_would_vanish_name_the_padding_that_helps():
    with pytest.raises(UsageError) as caught:
        c.convolve(noise(2, 2), noise(3, 3))
    assert str(caught.value) == (
        "a 3x3 filter leaves nothing of a 2x2 input with padding [0, 0, 0, 0]; "
        "use padding [1, 1, 1, 1] [top, bottom, left, right]"
    )


def test_padding_that_needs_more_cells_than_there_are():
    with pytest.raises(UsageError) as caught:
        c.pad(noise(2, 2), WindowSettings(padding=(2, 2, 2, 2), padding_mode="reflect"))
    assert str(caught.value) == (
        "reflect padding [2, 2, 2, 2] needs more cells than the 2x2 input has; "
        "take at most 1 and 1, or constant padding"
    )


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: c.named_kernel("sobelx"),
            "no kernel is called 'sobelx' (did you mean 'sobel-x'?); take one of identity, blur, "
            "sharpen, sobel-x, sobel-y, laplacian, gabor, or numbers such as "
            "'0 1 0; 1 -4 1; 0 1 0'",
        ),
        (
            lambda: c.named_kernel("blur", 4),
            "the kernel size is 4; take an odd number from 1 to 31",
        ),
        (
            lambda: c.parse_kernel("1 2; 3"),
            "the kernel '1 2; 3' is not rows of numbers of one length; "
            "write it like '0 1 0; 1 -4 1; 0 1 0'",
        ),
        (
            lambda: c.activate(np.zeros(2), "rely"),
            "no activation is called 'rely' (did you mean 'relu'?); take one of none, relu, "
            "relu6, leaky_relu, elu, gelu, silu, tanh, sigmoid, hard_sigmoid, hard_swish",
        ),
    ],
)
def test_messages(act, text):
    with pytest.raises(UsageError) as caught:
        act()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (1, (1, 1, 1, 1)),
        ("2", (2, 2, 2, 2)),
        ("1,2", (1, 1, 2, 2)),
        ("1, 2,3,0", (1, 2, 3, 0)),
        ((0, 1, 2, 3), (0, 1, 2, 3)),
        ("valid", (0, 0, 0, 0)),
        ("same", (0, 1, 1, 1)),
    ],
)
def test_padding_is_read_as_users_write_it(padding, sides):
    assert c.parse_padding(padding, size=(8, 9), kernel=(3, 3), stride=(2, 2)) == sides


def test_pools_and_modes_are_read_as_users_write_them():
    assert c.parse_pool("max:2") == ("max", (2, 2))
    assert c.parse_pool("avg:10") == ("avg", (10, 10))
    assert c.parse_padding_mode("circular") == "circular"
