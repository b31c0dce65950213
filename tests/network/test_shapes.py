"""Names, numbers and shapes of every step; a name stays when another kind is put before it."""

from foveal.network.shapes import ReceptiveField, trace
from foveal.spec.layers import Concat, Conv, Output, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

LAYERS = [
    Conv(8),
    "relu",
    Concat([[Conv(4)], ["tanh", Conv(6, kernel=1)]]),
    Residual([Conv(12, stride=2), "batch_norm"]),
    "global_avg_pool",
    Output(),
]


def network(layers=LAYERS):
    return Network(input=Input(height=9, width=8), layers=layers)


def test_names_are_those_of_the_module():
    steps = list(trace(network(), 3).walk())
    assert [step.name for step in steps] == [
        "conv_1",
        "relu_1",
        "concat_1",
        "concat_1.0.conv_1",
        "concat_1.1.tanh_1",
        "concat_1.1.conv_1",
        "residual_1",
        "residual_1.layers.conv_1",
        "residual_1.layers.batch_norm_1",
        "global_avg_pool_1",
        "output",
    ]
    module = network().build(3)
    for step in steps:
        module.get_submodule(step.name)


def test_numbers_and_shapes():
    steps = {step.name: step for step in trace(network(), 3).walk()}
    assert steps["concat_1.1.conv_1"].number == (3, 2, 2)
    assert steps["residual_1.layers.batch_norm_1"].number == (4, 2)
    assert steps["concat_1"].output_shape == (10, 9, 8)
    assert steps["residual_1"].output_shape == (12, 5, 4)
    assert steps["residual_1"].projection == (2, 2)
    assert steps["output"].output_shape == (3,)


def test_bias_is_left_out_before_a_norm():
    steps = {step.name: step for step in trace(network(), 3).walk()}
    assert steps["conv_1"].bias
    assert not steps["residual_1.layers.conv_1"].bias


def test_receptive_fields_end_before_their_numbers_cannot_be_printed():
    convs = [Conv(1, kernel=3, stride=8192) for _ in range(1000)]
    steps = trace(network([*convs, "global_avg_pool", Output()]), 2).layers
    assert steps[0].receptive_field == ReceptiveField((3, 3), (8192, 8192))
    assert steps[1].receptive_field == ReceptiveField((16387, 16387), (2**26, 2**26))
    assert steps[999].receptive_field == ReceptiveField((2**31, 2**31), (2**31, 2**31))


def test_a_layer_of_another_kind_moves_no_names():
    more = [LAYERS[0], {"dropout2d": 0.1}, *LAYERS[1:]]
    before = {step.name for step in trace(network(), 3).walk()}
    after = {step.name for step in trace(network(more), 3).walk()}
    assert after - before == {"dropout2d_1"}
