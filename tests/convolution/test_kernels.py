"""Named filters against scipy, and filters as numbers."""

import numpy as np
import pytest
from scipy import ndimage

from foveal.convolution.kernels import KERNELS, named_kernel, parse_kernel
from foveal.convolution.windows import convolve
from foveal.errors import UsageError


def test_named_kernels_against_scipy():
    image = np.random.default_rng(1).normal(size=(16, 16))
    inner = (slice(1, -1),) * 2
    assert np.allclose(convolve(image, named_kernel("identity")), image[inner])
    assert np.allclose(
        convolve(image, named_kernel("blur")), ndimage.uniform_filter(image, 3)[inner]
    )
    assert np.allclose(convolve(image, named_kernel("sobel-x")), ndimage.sobel(image, 1)[inner])
    assert np.allclose(convolve(image, named_kernel("sobel-y")), ndimage.sobel(image, 0)[inner])
    assert np.allclose(convolve(image, named_kernel("laplacian")), ndimage.laplace(image)[inner])
    assert np.allclose(named_kernel("sharpen"), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_of_every_size_sum_to_what_they_should(name, size):
    kernel = named_kernel(name, size)
    assert kernel.shape == (size, size)
    keeps = name in ("identity", "blur", "sharpen") or size == 1
    assert kernel.sum() == pytest.approx(1.0 if keeps else 0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: named_kernel("sobelx"),
            "no kernel is called 'sobelx' (did you mean 'sobel-x'?); take one of identity, blur, "
            "sharpen, sobel-x, sobel-y, laplacian, gabor, or numbers such as "
            "'0 1 0; 1 -4 1; 0 1 0'",
        ),
        (
            lambda: named_kernel("blur", 4),
            "the kernel size is 4; take an odd number from 1 to 31",
        ),
        (
            lambda: parse_kernel("1 2; 3"),
            "the kernel '1 2; 3' is not rows of numbers of one length; "
            "write it like '0 1 0; 1 -4 1; 0 1 0'",
        ),
    ],
)
def test_what_is_no_kernel_is_one_sentence(act, text):
    with pytest.raises(UsageError) as caught:
        act()
    assert str(caught.value) == text
