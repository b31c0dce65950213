"""Published figures of the classical presets, and what the numbers mean."""

import subprocess
import sys

import pytest

from foveal.network.cost import network_cost, pooling_savings
from foveal.network.presets import load_preset
from foveal.spec.layers import Conv, Flatten, MaxPool, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

# weights and multiply-adds: torchvision's model cards, whose GFLOPS count convolution and dense
# layers; LeNet-5 and AlexNet for CIFAR as counted in their sources.
PUBLISHED = [
    ("lenet5", 10, 61_706, None),
    ("alexnet", 10, 2_472_266, None),
    ("vgg11", 1000, 132_863_336, 7.609),
    ("vgg16", 1000, 138_357_544, 15.47),
    ("resnet18", 1000, 11_689_512, 1.814),
    ("resnet34", 1000, 21_797_672, 3.664),
    ("resnet50", 1000, 25_557_032, 4.089),
    ("mobilenet", 1000, 3_504_872, 0.301),
    ("mobilenet-v2", 1000, 3_504_872, 0.301),
    ("mobilenet-v3-small", 1000, 2_542_856, 0.057),
    ("mobilenet-v3-large", 1000, 5_483_032, 0.217),
    ("efficientnet-b0", 1000, 5_288_548, 0.386),
    # weights of the published checkpoints; the publisher counts 0.407, 0.631 and 0.899 G
    # multiply-adds, those of other layers included
    ("efficientnet-lite0", 1000, 4_652_008, 0.385),
    ("efficientnet-lite1", 1000, 5_416_680, 0.600),
    ("efficientnet-lite2", 1000, 6_092_072, 0.860),
    ("convnext-tiny", 1000, 28_589_128, 4.456),
    # without layer scale, one number a channel of each of its 18 blocks
    ("convnext", 1000, 28_589_128 - (3 * 96 + 3 * 192 + 9 * 384 + 3 * 768), 4.456),
]


@pytest.mark.parametrize(("name", "classes", "weights", "giga"), PUBLISHED)
def test_classical_presets_have_their_published_cost(name, classes, weights, giga):
    spent = network_cost(load_preset(name), classes)
    assert spent.weights == weights
    if giga is not None:
        assert round(spent.multiply_adds / 1e9, 3) == giga


def test_resnet18_with_normalisation_has_the_other_published_figure():
    spent = network_cost(load_preset("resnet18"), 1000)
    assert f"{spent.weights / 1e6:.2f} M" == "11.69 M"
    assert f"{spent.multiply_adds_with_norms / 1e9:.2f} G" == "1.82 G"


def test_receptive_field_and_jump():
    layers = [
        Conv(4, kernel=3),
        MaxPool(2),
        Conv(4, kernel=(5, 3), dilation=(2, 1)),
        Flatten(),
        Output(),
    ]
    lines = network_cost(Network(input=Input(height=32, width=32), layers=layers), 2).layers
    assert [line.receptive_field for line in lines[:3]] == [(3, 3), (4, 4), (20, 8)]
    assert [line.jump for line in lines[:3]] == [(1, 1), (2, 2), (2, 2)]


def test_resnet50_sees_the_known_field():
    # Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", 2019,
    # tell 483 for the variant whose stride is in the 1x1; with it in the 3x3 it is 427
    assert network_cost(load_preset("resnet50"), 1000).receptive_field == (427, 427)


def test_memory_is_four_bytes_a_value():
    network = Network(input=Input(height=8, width=8), layers=[Flatten(), Output()])
    assert network_cost(network, 3).activation_bytes(10) == 4 * 10 * (8 * 8 * 3 + 3)


def test_show_needs_no_torch():
    code = (
        "import sys; "
        "from foveal.cli.main import run; "
        "status = run(['show', 'resnet18', '--input', '224x224x3', '--classes', '1000']); "
        "sys.stderr.write(f'{\"torch\" in sys.modules} {status}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "False 0"
    assert "11.69 M weights (11,689,512), 1.81 G multiply-adds" in done.stdout
    assert "(1.82 G with normalisation)" in done.stdout


def test_twice_as_many_layers_are_twice_the_work():
    calls = []
    for count in (500, 1000):
        network = Network(layers=[*[Conv(8, kernel=3)] * count, Flatten(), Output()])
        calls.append(0)

        def counted(*_):
            calls[-1] += 1

        sys.setprofile(counted)
        try:
            network_cost(network, 2)
        finally:
            sys.setprofile(None)
    assert 500 < calls[0] < calls[1] < 2.2 * calls[0]


def test_a_2x2_pooling_saves_three_quarters_of_what_follows():
    layers = [
        Conv(4, bias=False),
        "relu",
        MaxPool(2),
        Conv(4, bias=False),
        "global_avg_pool",
        Output(),
    ]
    network = Network(input=Input(height=16, width=16), layers=layers)
    first, second, last = 16 * 16 * 4 * 27, 8 * 8 * 4 * 36, 4 * 3
    assert network_cost(network, 3).multiply_adds == first + second + last
    without = first + 4 * second + last
    assert pooling_savings(network, 3) == {3: 1 - (first + second + last) / without}


def test_without_work_after_it_a_pooling_saves_what_the_output_costs_less():
    network = Network(input=Input(height=4, width=4), layers=[MaxPool(2), Flatten(), Output()])
    assert pooling_savings(network, 3) == {1: 0.75}
