"""Outputs of one fixed image prove a mapping; a wrong padding, epsilon or input does not pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import ModelFileError
from foveal.pretrained.catalog import CATALOG
from foveal.pretrained.identification import identify
from foveal.pretrained.mapping import build_module
from foveal.pretrained.verification import reference_image, verify_outputs
from foveal.pretrained.weights_file import read_weights

LITE0 = CATALOG["efficientnet-lite0"]


def test_the_image_is_the_formula_in_plain_loops() -> None:
    image = reference_image(40)
    assert (image.shape, image.dtype) == ((40, 40, 3), np.uint8)
    for y in range(40):
        for x in range(40):
            for c in range(3):
                assert image[y, x, c] == (x * (1 + c) + y * (3 - c) + x * y // 32) % 256


def test_the_published_outputs_are_reproduced(lite0: Path) -> None:
    tensors = read_weights(lite0)
    found = identify(tensors, lite0, "efficientnet-lite0", "lukemelas")
    verify_outputs(build_module(found, tensors, lite0), LITE0, lite0)


def garbled(tensors, _lite0):
    """One tensor read without its strides: right shape, wrong numbers."""
    name = "_blocks.3._expand_conv.weight"
    value = tensors[name]
    assert not value.is_contiguous()
    tensors[name] = value.as_strided(value.shape, (value[0].numel(), 1, 1, 1))
    return tensors, identify(tensors, _lite0, "efficientnet-lite0", "lukemelas")


def swapped(tensors, _lite0):
    """Two tensors of one shape in each other's place."""
    first, second = (f"_blocks.{index}._bn1.running_mean" for index in (3, 4))
    if tensors[first].shape != tensors[second].shape:
        first, second = (f"_blocks.{index}._bn1.running_mean" for index in (6, 7))
    tensors[first], tensors[second] = tensors[second], tensors[first]
    return tensors, identify(tensors, _lite0, "efficientnet-lite0", "lukemelas")


def other_padding(tensors, _lite0):
    """The network with torch's padding instead of TensorFlow's."""
    return tensors, _changed(tensors, _lite0, padding="symmetric")


def other_epsilon(tensors, _lite0):
    """Batch norms with torch's epsilon instead of TensorFlow's."""
    return tensors, _changed(tensors, _lite0, epsilon=1e-5)


def other_input(tensors, _lite0):
    """ImageNet's mean and deviation instead of (x - 127) / 128."""
    statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return tensors, _changed(tensors, _lite0, statistics=statistics)


def _changed(tensors, lite0, **change):
    from dataclasses import replace

    from foveal.pretrained.mapping import compare
    from foveal.pretrained.naming import namings
    from foveal.pretrained.variant import network_variant

    naming = replace(namings("efficientnet-lite0")[0], **change)
    return compare(
        "efficientnet-lite0", naming, network_variant("efficientnet-lite0", naming), tensors
    )


@pytest.mark.parametrize(
    "change",
    [garbled, swapped, other_padding, other_epsilon, other_input],
    ids=lambda f: f.__name__,
)
def test_what_names_and_shapes_do_not_show_is_found(lite0: Path, change) -> None:
    tensors, found = change(read_weights(lite0), lite0)
    assert not found.mismatch
    with pytest.raises(ModelFileError) as error:
        verify_outputs(build_module(found, tensors, lite0), LITE0, lite0)
    sentence = str(error.value)
    assert sentence.startswith(
        f"the weights of efficientnet-lite0 from {lite0} give other outputs than published: they "
        "differ by "
    )
    assert sentence.endswith(" where 0.01 is allowed; update Foveal and torch")
