"""Norms: short forms, and limits of their numbers."""

import pytest

from foveal.errors import SpecError
from foveal.spec import layers
from foveal.spec.network import Network
from foveal.spec.norms import BatchNorm, GroupNorm, LayerNorm, Norm


def test_all_are_layers_of_a_network():
    for cls in (BatchNorm, GroupNorm, LayerNorm):
        assert issubclass(cls, Norm)
        assert layers.LAYER_TYPES[cls.kind] is getattr(layers, cls.__name__) is cls


def test_short_forms_are_the_long_ones():
    assert GroupNorm(4) == GroupNorm(groups=4, epsilon=1e-5)
    assert GroupNorm(4).to_data() == {"group_norm": 4}
    assert BatchNorm().to_data() == "batch_norm"
    assert BatchNorm(scale=False).to_data() == {"batch_norm": {"scale": False}}
    assert LayerNorm(epsilon=1e-5).to_data() == {"layer_norm": {"epsilon": 1e-5}}


@pytest.mark.parametrize(
    "norm",
    [
        {"batch_norm": {"epsilon": 0}},
        {"batch_norm": {"momentum": 1.5}},
        {"layer_norm": {"epsilon": -1e-6}},
        {"group_norm": 0},
    ],
)
def test_numbers_without_a_meaning_are_refused(norm):
    with pytest.raises(SpecError):
        Network(layers=[{"conv": 8}, norm, "global_avg_pool", "output"])
