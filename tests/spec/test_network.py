"""The Network value: units of the output, another size, and what it refuses."""

import pytest

from foveal.errors import MissingExtra, SpecError
from foveal.spec.layers import Conv, Output, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess


def test_units_follow_function_classes_and_task():
    softmax = Network(layers=["global_avg_pool", Output()])
    sigmoid = Network(layers=["global_avg_pool", Output("sigmoid")])
    assert [softmax.output_units(n) for n in (2, 3)] == [2, 3]
    assert [sigmoid.output_units(n) for n in (2, 3)] == [1, 3]
    assert sigmoid.output_units(2, "multi") == 2


def test_classes_where_the_data_has_not_told():
    softmax = Network(layers=["global_avg_pool", Output()])
    sigmoid = Network(layers=["global_avg_pool", Output("sigmoid")])
    assert (softmax.class_count(), softmax.class_count(4), sigmoid.class_count()) == (10, 4, 2)
    assert softmax.build()[-1].out_features == 10
    assert "nn.Linear(3, 1)" in sigmoid.to_pytorch()


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("foveal.spec.network.find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        Network(layers=["global_avg_pool", Output()]).build(3)
    assert str(caught.value) == (
        "building a network needs the extra 'train': type  pip install 'foveal[train]'"
    )


def test_another_size_keeps_statistics_only_with_the_channels():
    rule = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    network = Network(preprocess=rule, layers=["global_avg_pool", Output()])
    taller = network.resized(Input(height=96))
    assert taller.input.shape == (96, 64, 3)
    assert taller.preprocess == network.preprocess
    grey = network.resized(Input(channels=1))
    assert grey.preprocess.mean is None
    assert grey.preprocess.statistics(1) == ((0.5,), (0.25,))


def test_output_is_last_and_nowhere_else():
    for layers in ([Conv(3)], [Output(), Conv(3)], [Residual([Output()]), Output()]):
        with pytest.raises(SpecError) as caught:
            Network(layers=layers)
        assert str(caught.value) == (
            "layers must end with output (softmax or sigmoid), exactly once"
        )


def test_depth_and_count_are_limited():
    layer = Conv(3)
    for _ in range(12):
        layer = Residual([layer])
    wide = Residual([Conv(3)] * 1024)
    for layers in ([layer, Output()], [*[wide] * 4, Output()]):
        with pytest.raises(SpecError) as caught:
            Network(layers=layers)
        assert str(caught.value) == "a network may have 4096 layers, 12 inside one another"


def test_values_cannot_be_changed():
    network = Network(layers=[Output()])
    with pytest.raises(ValueError, match="frozen"):
        network.layers = ()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"fit": "pad", "crop_fraction": 0.875},
            "preprocess: crop_fraction 0.875 is only for fit crop, not pad: leave it out, or use "
            "crop",
        ),
        (
            {"crop_fraction": 0},
            "preprocess: crop_fraction received 0; allowed is a number from 0.1 to 1",
        ),
        (
            {"interpolation": "nearest"},
            "preprocess: interpolation received 'nearest'; allowed is one of bicubic, bilinear",
        ),
    ],
)
def test_a_crop_fraction_is_of_a_crop(fields, sentence):
    with pytest.raises(SpecError) as caught:
        Preprocess(**fields)
    assert str(caught.value) == sentence
